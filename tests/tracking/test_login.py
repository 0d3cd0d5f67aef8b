"""Whether there is a login, without asking anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from gschnet_pyg.errors import RecipeError
from gschnet_pyg.tracking.login import is_logged_in, require_login


def test_no_login_is_said_with_both_ways_out(no_login: Path) -> None:
    assert not is_logged_in()
    with pytest.raises(RecipeError, match=r"wandb login.*logging.wandb=offline.*wandb sync"):
        require_login()


def test_a_key_of_the_environment_is_a_login(no_login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    require_login()


def test_what_wandb_login_has_stored_is_a_login(no_login: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server that is used, and of no other."""
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    no_login.write_text(f"machine elsewhere.example.org\n  login user\n  password {'0' * 40}\n")
    assert not is_logged_in()
    no_login.write_text(f"machine wandb.example.org\n  login user\n  password {'0' * 40}\n")
    assert is_logged_in()
