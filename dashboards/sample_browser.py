"""The block in which a reader filters samples, draws them on a map and by measures, and opens one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from markupsafe import Markup

from dashboards.blocks import Block
from dashboards.sprites import SpriteSheet
from dashboards.templating import script_json


@dataclass(frozen=True)
class SampleBrowser(Block):
    """Samples of a dataset, with all that is known of each; the script of `assets/samples` draws them.

    sheet: their images, in the order of the columns. words: the texts that the script writes, by key. data: all else
    that it reads, see `dashboards.sections.samples`.
    """

    template: ClassVar[str] = "sample_browser"
    sheet: SpriteSheet
    words: Mapping[str, str]
    data: Mapping[str, Any]

    @property
    def json(self) -> Markup:
        """Give what the script reads."""
        sheet = {"across": self.sheet.across, "width": self.sheet.width, "height": self.sheet.height}
        content = {**self.data, "sheet": sheet, "words": dict(self.words)}
        return script_json(json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

    @property
    def needs_samples(self) -> bool:
        """Say that the script of the samples draws it."""
        return True
