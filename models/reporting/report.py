"""What a report shows of a whole run."""

from models.reporting.data import Data, Entry, Kept, Pretraining
from models.reporting.gain.grid import Grid
from models.reporting.parts import Part


class ReportData(Part):
    """A whole run."""

    title: str
    corpus: Data | None = None
    pretraining: tuple[Pretraining, ...] = ()
    entries: tuple[Entry, ...] = ()
    grids: tuple[Grid, ...] = ()
    kept: tuple[Kept, ...] = ()
