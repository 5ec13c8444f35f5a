"""Faults under load: a tracker is sent work and hurt at once, and what must always hold is checked after each fault.

`./run python -m tests.acceptance.chaos --faults 1000` runs as long as one likes; a minute of it runs with the tests.

plan            which fault comes when, drawn from a seed
scenes          what stands: a service, its Postgres, and the far ends
loads           posts that are told, again and again until they are acknowledged, and a book of both
proxy           the network between the service and Postgres
faults          every fault by its name; what they do stands in processes, network, database, strangers, changes, nature
recovery        how long after a fault the door answers, facts are projected and rules act
invariants      what must hold after each fault, and at the end
runner, report  a plan, carried out and told
"""
