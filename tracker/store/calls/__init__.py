"""What is known of providers' APIs: limits in use, heartbeats, questions asked."""
