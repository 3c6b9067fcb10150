"""k6 scenarios, and what runs them."""
