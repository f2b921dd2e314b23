"""What every expected refusal has in common: a code for machines, a sentence in both languages for people."""

from typing import Any, ClassVar, Literal

Language = Literal["zh", "en"]


class GuantongError(Exception):
    """An expected refusal. Subclasses say what happened; ``details`` fill the sentence's placeholders.

    ``code`` is stable and never translated; ``status`` is the HTTP status (4xx for refusals, 502 and 504
    for peers that failed us).
    """

    code: ClassVar[str] = "guantong_error"
    status: ClassVar[int] = 400
    zh: ClassVar[str] = "请求无法完成。"
    en: ClassVar[str] = "The request cannot be completed."

    def __init__(self, **details: Any) -> None:
        super().__init__(self.code, details)
        self.details = details

    def sentence(self, language: Language = "zh") -> str:
        """The sentence a person reads, in Chinese or English."""
        template = self.en if language == "en" else self.zh
        return template.format_map(self.details)

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence('en')}"

    def as_json(self) -> dict[str, Any]:
        """The machine's form: code, both sentences, details (which hold no secrets and no personal data)."""
        return {
            "code": self.code,
            "message": {"zh": self.sentence("zh"), "en": self.sentence("en")},
            "details": self.details,
        }
