"""Requests that a service makes: deadlines, retries and a breaker as a plan, sent by a thread or by an event loop."""
