"""This node's keys: one file a key in the node's folder, readable by the node alone."""

from secrets import token_hex

from guantong.kit.key_files import load_key, write_secret
from guantong.kit.settings import Settings
from guantong.kit.suites import INTERNATIONAL, NATIONAL, SigningKey, suite


def make_keys(settings: Settings) -> None:
    """Make the keys that are missing: node (receipts, messages, bundles), log, witness, subject (an HMAC key),
    answer (signs answers for callers that verify only the other suite).

    The log and the witness speak C2SP formats, which know Ed25519 only; the node key follows the suite.
    """
    settings.key_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    other = NATIONAL if settings.suite == INTERNATIONAL.name else INTERNATIONAL
    makers = {
        "node": lambda: suite(settings.suite).generate(f"{settings.name}/node").to_text(),
        "log": lambda: INTERNATIONAL.generate(f"{settings.name}/log").to_text(),
        "witness": lambda: INTERNATIONAL.generate_witness(f"{settings.name}/witness").to_text(),
        "subject": lambda: token_hex(32),
        "answer": lambda: other.generate(f"{settings.name}/answer").to_text(),
    }
    for name, make in makers.items():
        write_secret(settings.key_folder / f"{name}.key", make)


def node_key(settings: Settings) -> SigningKey:
    """The key by which this node signs receipts, messages, cards and bundles."""
    return load_key(settings.key_folder / "node.key")
