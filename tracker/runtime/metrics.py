"""The metrics of a process, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

deliveries = Counter(
    "tracker_deliveries", "Webhooks at the door, by configured provider and outcome.", ["provider", "outcome"]
)
refused_full = Counter("tracker_deliveries_refused", "Webhooks refused because too many wait to be kept.")
append_batch = Histogram(
    "tracker_append_batch", "Events in one commit of the log.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
)
append_seconds = Histogram(
    "tracker_append_seconds",
    "Time of one commit of the log.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
pending = Gauge("tracker_deliveries_pending", "Webhooks that wait to be kept.")
listeners = Gauge("tracker_stream_listeners", "Who listens to the stream of events in this process.")
handled = Counter("tracker_subscription_rows", "Events folded and decided on.", ["subscription"])
parked = Counter("tracker_parked", "Events set aside because they always fail.", ["subscription"])
actions = Counter("tracker_actions", "Attempts at actions, by verb and outcome.", ["verb", "outcome"])
action_seconds = Histogram("tracker_action_seconds", "Time of one attempt at an action.", ["verb"])
plan_turns = Counter(
    "tracker_plan_turns",
    "Posts and actions that plans have given an order for (ordered), or passed over, by reason.",
    ["subject", "verb", "reason"],
)
provider_calls = Counter(
    "tracker_provider_calls",
    "Calls of providers' APIs, those that were not let through among them, by purpose and reason.",
    ["provider", "purpose", "reason"],
)
lag_seconds = Gauge("tracker_subscription_lag_seconds", "Age of the oldest event not yet handled.", ["subscription"])
