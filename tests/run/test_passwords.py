"""No password of an address is kept or printed, wherever it stands in it."""

import sys

import pytest

from pixelwise.run.environment import environment
from pixelwise.run.passwords import hide_passwords, hide_passwords_of

ADDRESSES = {
    "postgresql://me:SECRET@host/db": "postgresql://me:***@host/db",
    "postgresql://me@host/db?password=SECRET": "postgresql://me@host/db?password=***",
    "mysql+pymysql://host/db?charset=utf8&passwd=SECRET&x=SECRET": "mysql+pymysql://host/db?charset=utf8&passwd=***&x=***",
    "postgresql://me:SE@CR/ET?x@host/db": "postgresql://me:***@host/db",
    "postgresql://me:SE CRET@host/db": "postgresql://me:***@host/db",
    "https://:SECRET@host": "https://:***@host",
    "https://host/file?SECRET": "https://host/file?***",
    "data.dataset={name: my:set, url: 'https://me:SECRET@host/x'}": "data.dataset={name: my:set, url: 'https://me:***@host/x'}",
    "data.dataset.api_key=SECRET": "data.dataset.api_key=***",
    "host=h password=SECRET user=u": "host=h password=*** user=u",
    "sqlite:///studies.db": "sqlite:///studies.db",
    "postgresql://me@host/db?sslmode=require": "postgresql://me@host/db?sslmode=require",
    "data.dataset.auth_token=SECRET": "data.dataset.auth_token=***",
    "model.tokens=8": "model.tokens=8",
    "train.batch=8": "train.batch=8",
    "runs/a@b:c": "runs/a@b:c",
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_passwords_are_hidden_and_nothing_else(text):
    assert hide_passwords(text) == ADDRESSES[text]
    assert hide_passwords(hide_passwords(text)) == ADDRESSES[text]


@pytest.mark.parametrize("said", ["cannot use p%40ss1", "cannot use p@ss1", "postgresql://me:p%40ss1@host/db is wrong"])
def test_a_driver_s_message_is_hidden_too(said):
    told = hide_passwords_of("postgresql://me:p%40ss1@host/db", said)
    assert "ss1" not in told
    assert "***" in told


def test_the_recorded_command_has_no_password(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pixelwise", "train", "r.yaml", "data.dataset.url=https://me:SECRET@host/x"])
    assert "SECRET" not in str(environment())
