"""What a report shows of a whole run."""

from models.reporting.costs import Cost
from models.reporting.data import Data, Entry, Kept, Pretraining
from models.reporting.gain.grid import Grid
from models.reporting.language.language import Code
from models.reporting.parts import Part


class ReportData(Part):
    """A whole run."""

    title: str
    language: Code = "en"
    """What the page is written in."""
    corpus: Data | None = None
    pretraining: tuple[Pretraining, ...] = ()
    entries: tuple[Entry, ...] = ()
    grids: tuple[Grid, ...] = ()
    kept: tuple[Kept, ...] = ()
    costs: tuple[Cost, ...] = ()
