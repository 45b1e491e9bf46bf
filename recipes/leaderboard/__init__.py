"""The leaderboard: how faithful each method is on each kind of model, and what it costs."""
