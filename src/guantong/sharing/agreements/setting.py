"""How an agreement is set: type, tables, page numbers. Imported only where one is drawn."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, Table, TableStyle

FONT = "STSong-Light"
"""A CID font that PDF readers bring along for Chinese: no file of ours, none embedded."""

registerFont(UnicodeCIDFont(FONT))


class Numbered(Canvas):  # type: ignore[misc] # reportlab has no types
    """Writes 第 n 页 共 m 页 at the foot of every page, when it is known how many there are."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        """Keep the page until all are there."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages and write the file."""
        total = len(self._pages)
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(FONT, 9)
            self.drawCentredString(A4[0] / 2, 1.1 * cm, f"第 {number} 页　共 {total} 页")
            super().showPage()
        super().save()


class Setter:
    """Turns plain text into what stands on the page; whatever people wrote is escaped here and nowhere else."""

    def __init__(self) -> None:
        base = ParagraphStyle("body", fontName=FONT, fontSize=10.5, leading=17, wordWrap="CJK")
        self._body = base
        self._cell = ParagraphStyle("cell", base, fontSize=9.5, leading=14)
        self._title = ParagraphStyle("title", base, fontSize=18, leading=28, alignment=TA_CENTER)
        self._centred = ParagraphStyle("centred", base, alignment=TA_CENTER, spaceAfter=6)
        self._heading = ParagraphStyle(
            "heading", base, fontSize=12.5, leading=20, spaceBefore=9, spaceAfter=3, keepWithNext=1
        )

    def title(self, text: str) -> Paragraph:
        """The name of the document."""
        return Paragraph(escape(text), self._title)

    def centred(self, text: str) -> Paragraph:
        """A line in the middle."""
        return Paragraph(escape(text), self._centred)

    def heading(self, text: str) -> Paragraph:
        """The name of a part."""
        return Paragraph(escape(text), self._heading)

    def body(self, text: str) -> Paragraph:
        """A paragraph."""
        return Paragraph(escape(text), self._body)

    def pairs(self, rows: Sequence[tuple[str, str]]) -> Table:
        """Names and values."""
        return self._table(
            [[self._cells(name), self._cells(value)] for name, value in rows], (3.4, 13), head=0
        )

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, widths: Sequence[float]) -> Table:
        """Rows under a head that is repeated on every page; ``widths`` in centimetres."""
        return self._table([[self._cells(each) for each in row] for row in [head, *rows]], widths, head=1)

    def _cells(self, text: str) -> Paragraph:
        return Paragraph(escape(text), self._cell)

    def _table(self, cells: list[list[Paragraph]], widths: Sequence[float], *, head: int) -> Table:
        shade = ("BACKGROUND", (0, 0), (-1, 0) if head else (0, -1), colors.HexColor("#eef2f7"))
        grid = ("GRID", (0, 0), (-1, -1), 0.5, colors.HexColor("#8a97a8"))
        lines = TableStyle([grid, shade, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")])
        return Table(
            cells, colWidths=[width * cm for width in widths], style=lines, repeatRows=head, spaceAfter=4
        )
