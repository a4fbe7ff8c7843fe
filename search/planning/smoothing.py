"""What is shown of a forecast: it counts down, and takes in what is new bit by bit."""

from dataclasses import dataclass

from search.planning.draws import SecondsRange

CATCH_UP_FRACTION = 0.2
"""Of the time left: how long it takes until most of a new forecast is shown."""


@dataclass
class SmoothedRange:
    """The range that is shown.

    Each trial that ends changes the forecast a little; shown as it is, the time left would go up
    and down. A forecast outside the range that is shown replaces it.
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
