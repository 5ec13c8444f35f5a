"""The dashboard: pages for people, rendered here, kept up to date by a small script of our own, with no outside parts.

mounting      the addresses, and what their pages are given
refusals      what is said when something is wrong
visitor       who looks: a session begun with a key, or somebody at this machine
signing_in    sign in, sign out, change the language
overview, posts, asking, actions, rules, trials, runs, quarantine, silences, reconciliations, health   the pages
lookout, checkup   what the overview and the page of health find
glance        one look for everybody who has a page open
provider_health    how we stand with a provider, for people
timeline      a post's history in the groups in which people read it
asked         the filters in an address, and addresses with filters
naming        what platforms and targets are called
rendering     templates into pages, or into the part of a page that is kept up to date
language      every word that we say, in each language
assets        styles and script, as they were packed
"""

from tracker.dashboard.routes import handlers

__all__ = ["handlers"]
