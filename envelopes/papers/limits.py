"""How big a document may be and what reading it may cost. The figures themselves stand in the policy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLimits:
    """Limits on one PDF (bytes, pages, shortest visible side in points) and on the child that reads it.

    `pages_per_batch` is how many pages one child renders: all images of one batch are in memory at once.
    """

    max_bytes: int
    max_pages: int
    min_side_pt: float
    pages_per_batch: int
    cpu_seconds: int
    memory_bytes: int
    wall_seconds: float
    files: int
