"""A forecast as it is shown: it counts down, and follows new forecasts gradually."""

from dataclasses import dataclass

from search.planning.draws import SecondsRange

CATCH_UP_FRACTION = 0.2
"""Fraction of the time left over which a new forecast is blended in."""


@dataclass
class SmoothedRange:
    """The range that is shown.

    Each trial that ends changes the forecast a little; unsmoothed, the time left would go up and
    down. A forecast outside the shown range replaces it at once.
    """

    shown: SecondsRange | None = None
    at: float = 0.0

    def update(self, forecast: SecondsRange | None, now: float) -> SecondsRange | None:
        """The range to show at this time; `forecast`: what is forecast now."""
        if forecast is None or self.shown is None:
            self.shown, self.at = forecast, now
            return forecast
        passed = max(0.0, now - self.at)
        old = SecondsRange(*(max(0.0, seconds - passed) for seconds in self.shown))
        part = min(1.0, passed / max(1.0, CATCH_UP_FRACTION * forecast.middle))
        if not old.low <= forecast.middle <= old.high:
            part = 1.0
        self.shown = SecondsRange(*(then + part * (new - then) for then, new in zip(old, forecast)))
        self.at = now
        return self.shown
