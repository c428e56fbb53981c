"""What a demonstration hides: all settings of the user except the language."""

import os
from pathlib import Path

import pytest

from udpnote.cli.temporary_server import default_settings
from udpnote.model.language import ENGLISH, SIMPLIFIED
from udpnote.settings import chosen_language, load_settings
from udpnote.text.language import language, speak_by


def test_a_demonstration_hides_the_settings_and_speaks_the_users_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOME": "user", "AUTHOR": "阿美", "LANGUAGE": SIMPLIFIED}.items():
        monkeypatch.setenv(f"UDPNOTE_{name}", value)
    speak_by(lambda: chosen_language(os.environ))
    try:
        with default_settings(str(tmp_path)):
            assert (load_settings().author == "阿美", load_settings().outbox.startswith(str(tmp_path))) == (False, True)
            assert language() == SIMPLIFIED
        assert (os.environ["UDPNOTE_HOME"], load_settings().author) == ("user", "阿美")
    finally:
        speak_by(lambda: ENGLISH)
