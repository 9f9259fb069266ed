"""Analytics Studio: the API behind the dashboard."""
