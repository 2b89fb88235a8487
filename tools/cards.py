"""Give every shipped card its digests: `python tools/cards.py`.

A card says what made a weight file and how it scores. Its field `digest` holds the SHA-256 of that file and
of everything else on the card. Cards that `python -m metalib train` writes have it from the beginning; this
adds it to older ones and changes nothing else. A card whose digests are there and do not fit is left alone
and named: then weights or card were changed by hand, and have to be trained again.
"""

import json
import sys

from metalib import weights


def main() -> int:
    wrong = []
    for name in weights.names():
        path = weights.FOLDER / f"{name}.json"
        card = json.loads(path.read_text(encoding="utf-8"))
        digest = card.pop("digest", None)
        sealed = weights.with_digests(card, (weights.FOLDER / f"{name}.safetensors").read_bytes())
        if digest is None:
            path.write_bytes(weights.written(sealed))
            print(f"{name}: digests added")
        elif digest != sealed["digest"]:
            wrong.append(name)
    if wrong:
        print("These cards do not fit their weights:", ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
