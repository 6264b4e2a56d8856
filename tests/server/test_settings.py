"""Settings: what is refused, and what a refusal does not tell."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from assay_server.config import Settings

SECRET = "sesame"


@pytest.mark.parametrize(
    "wrong",
    [
        {"store_ca": Path("authority.pem")},  # for a store that is asked in plain text
        {"max_unary": SECRET},
    ],
)
def test_a_refusal_shows_no_value(wrong: dict[str, object]):
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"store": f"redis://u:{SECRET}@127.0.0.1:1", "records": Path("records"), **wrong})
    assert "input_value" not in str(refused.value)
    assert SECRET not in str(refused.value)
