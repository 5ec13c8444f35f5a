"""The dashboard: pages for people, rendered here, kept up to date by a small script of our own, with no outside parts.

routes            the addresses, and what their pages are given
error_pages       what is said when something is wrong
session           who looks: a session begun with a key, or somebody at this machine; sign in, sign out, the language
overview, posts, actions, rules, runs, quarantine, silences, reconciliations, health   the pages
provider_health   how we stand with a provider, for people
timeline          a post's history in the groups in which people read it
query             the filters in an address, and addresses with filters
rendering         templates into pages, or into the part of a page that is kept up to date; styles and script
language          every word that we say, in each language
"""

from tracker.dashboard.routes import handlers

__all__ = ["handlers"]
