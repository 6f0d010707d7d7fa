"""How often clients may do things, and how many at a time."""

from app.rates.rates import Rates, open_rates

__all__ = ["Rates", "open_rates"]
