"""tracker: what became of every social post.

Agents walk one corridor. They never meet: they leave things for each other in Postgres, so that each can be stopped,
replayed, moved to another process or read alone.

    provider ─▶ receiver ─▶ ▒event log▒ ─▶ processor ─▶ ▒posts, transitions, runs, timers, actions▒ ─▶ worker
                    ▲           fold + decide, one step, one transaction                          │
                    ├──────── facts: what we did, or people did by hand, is a fact and comes in like the rest ◀─┘
                    └──────── reconciler: asks the provider what is true, and comes in by the same door

The rooms, from the top of the house to its ground; a room knows only what is below it:

    __main__, cli                   the command line, one file for each noun
    app                             puts a running service together; the only one that knows everybody
    api, dashboard, scheduler       who may look and ask; the alarm clock
    process, act, reconcile         the stages: fold and decide; do it outside; ask the provider what is true
    queries, receive, facts         every question; the door; our own facts, and the commands people add them by
    stream, providers, embedded     reading on after a checkpoint; who speaks to us; the embedded Postgres
    store, simulator                SQL that writes; a provider to practise with
    rulebook                        TOML into rules
    outbound                        the one way out of the house
    settings, parameters            what we are told to do; times and choices as people write them
    toml, runtime                   TOML with the place of each key; the process: event loop, HTTP server, log
    domain                          facts, posts, rules, runs, calls: pure, and told the time
    errors                          by who must act

The order is a contract in pyproject.toml, and `./run lint` checks it.
"""
