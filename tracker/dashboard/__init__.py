"""The dashboard: pages for people, rendered here, kept up to date by a small script of our own, with no outside parts.

routes            the addresses, and what their pages are given
error_pages       what is said when something is wrong
session           a visit: who looks, in which language, and what a page or a button answers; sign in, sign out
overview, posts, rules, runs, quarantine, silences, reconciliations, health   the pages
query             the filters in an address, and addresses with filters
rendering         templates into pages, or into the part of a page that is kept up to date; styles and script
language          every word that we say, in each language
"""

from tracker.dashboard.routes import handlers

__all__ = ["handlers"]
