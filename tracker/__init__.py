"""tracker: what became of every social post.

Agents walk one corridor. They never meet: they leave things for each other in Postgres, so that each can be stopped,
replayed, moved to another process or read alone.

    provider ─▶ receiver ─▶ ▒event log▒ ─▶ projector ─▶ ▒posts, changes▒ ─▶ reactor ─▶ ▒runs, timers, actions▒ ─▶ worker
                    ▲                                                                                                │
                    ├──────── operations: what we did, or people did by hand, is a fact and comes in like the rest ◀─┘
                    └──────── reconciler: asks the provider what is true, and comes in by the same door

The rooms, from the top of the house to its ground; a room knows only what is below it:

    __main__, cli                         the command line
    app                                   puts a running service together; the only one that knows everybody
    api, dashboard, scheduler, simulator  who may look and ask; the alarm clock; a provider to practise with
    rebuild, replay, retention            what is done with the log as a whole
    receiver, projector, reactor, worker, reconciler   the agents
    subscription, reaction, operations    how an agent reads on, reacts to a batch, and tells what was done
    store, providers, actions             Postgres; who speaks to us; whom we speak to
    rulebook                              TOML into rules
    outbound                              the one way out of the house
    settings, telemetry                   what we are told to do, and what we tell about it
    domain                                facts, posts, rules, runs, actions: pure, and told the time
    errors                                by who must act

The order is a contract in pyproject.toml, and `lint-imports` checks it.
"""
