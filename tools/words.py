"""Collect words of many languages from Unicode CLDR: metalib/data/words.json.xz, and the licence beside it.

    pip install "babel==2.18.0"         the version whose data was taken (CLDR 47); it is in the extra `test`
    python tools/words.py               write both files
    python tools/words.py --check       write nothing; say whether they are what babel gives

Three kinds of words: names of territories, names of languages, names of months and weekdays. They are in
lower case and in their own script (NFC). Left out is what would spoil the game *which language is the sixth?*

- what is not translated: the same as in English, or with a digit, a bracket or another sign in it;
- **what two languages write alike**: such a word would be a question with two right answers, so it is
  nobody's. (Close relatives keep those in which they differ.)
- what is longer than 22 characters;
- of languages that have fewer than `LEAST` words of a kind: that kind. Of more than `MOST` a fixed shuffle
  of the *meanings*, the same in every language, says which are kept.

The families are written by hand below. Creoles and constructed languages stand for themselves.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import babel
import numpy as np
from babel import Locale
from babel.core import get_cldr_version

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "metalib" / "data" / "words.json.xz"
LICENCE = ROOT / "metalib" / "data" / "UNICODE-LICENSE.txt"
SEED = 20230711
LONGEST = 22
MOST = 120
LEAST = {"territories": 24, "languages": 24, "calendar": 10}

# Not here: locales whose lists of territories are copies of another's (ht of fr, no of nb, qu of es, xnr of
# hi, trw of ur, shi of zgh; dje, ses, twq of khq; cgg of nyn; xog of lg; byn, tig, wal of one another; kam,
# ki, mas, rof, ebu, jmc, rwk, teo, vun, dav, guz, luy, saq of a list in the manner of Swahili).
FAMILIES = {
    "Indo-European": """af an ast as be bg bgn bn br bs ca ccp ckb co cs cy da de dsb el es fa fo fr frr fur
        fy ga gd gl gsw gu gv hi hr hsb hy is it kok ks ksh ku kw la lb lij lld lmo lrc lt ltg lv mai mk mr
        mzn nb nds ne nl nn oc or os pa pl prg ps pt rm ro ru sa sc scn sd si sk sl sq sr sv szl tg uk ur vec
        wae yi""",
    "Niger–Congo": """agq ak asa bas bem bez blo bm cch dua dyo ee ewo ff gaa ig jgo kaj kcg kde kkj ksb ksf
        lag lg ln lu mer mgh mgo mua nd nmg nnh nqo nr nso ny nyn rn rw sbp seh sg sn ss st sw tn ts vai ve
        vmw wo xh yav yo zu""",
    "Afro-Asiatic": "am apc ar gez ha he kab mt om rif sid so ssy syr ti tzm zgh",
    "Nilo-Saharan": "khq kln luo nus",
    "Turkic": "az ba cv kaa kk ky sah tk tr tt tyv ug uz",
    "Uralic": "et fi hu mdf myv se sma smj smn sms",
    "Austronesian": "bew ceb fil haw id jv mg mi ms su to trv",
    "Dravidian": "kn kxv ml ta te",
    "Sino-Tibetan": "bo brx dz ii mni my yue zh",
    "Kra–Dai": "blt lo shn th za",
    "Austroasiatic": "km sat vi",
    "Hmong–Mien": "hnj",
    "Japonic": "ja",
    "Koreanic": "ko",
    "Mongolic": "mn",
    "Kartvelian": "ka",
    "Northwest Caucasian": "ab",
    "Northeast Caucasian": "ce",
    "Basque": "eu",
    "Khoe–Kwadi": "naq",
    "Tupian": "gn yrl",
    "Macro-Jê": "kgp",
    "Araucanian": "arn",
    "Mayan": "quc",
    "Eskaleut": "iu kl",
    "Iroquoian": "chr moh",
    "Siouan": "lkt osa",
    "Caddoan": "cad",
    "Muskogean": "cho cic mus",
    "Athabaskan": "nv",
    "Algonquian": "csw mic",
    "Creole": "kea mfe pap pcm pis tpi",
    "Constructed": "eo ia ie io jbo tok vo",
}
FAMILY_OF = {code: family for family, codes in FAMILIES.items() for code in codes.split()}
# Babel's English has no name for these.
NAMES = {"apc": "Levantine Arabic", "lld": "Ladin"}
# The first word of a character's Unicode name is its script, mostly.
SCRIPTS = {
    "CJK": "Han",
    "KATAKANA": "Japanese",
    "HIRAGANA": "Japanese",
    "OL": "Ol Chiki",
    "NKO": "N'Ko",
    "CANADIAN": "Canadian syllabics",
    "NYIAKENG": "Nyiakeng Puachue Hmong",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; compare")
    check = parser.parse_args().check
    content, licence = collected(), licence_text()
    if check:
        there = WORDS.exists() and json.loads(lzma.decompress(WORDS.read_bytes())) == content
        there = there and LICENCE.exists() and LICENCE.read_bytes() == licence
        print("up to date" if there else "not what this babel gives")
        return 0 if there else 1
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    WORDS.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    LICENCE.write_bytes(licence)
    print(f"{WORDS.relative_to(ROOT)}: {len(content['languages'])} languages, {WORDS.stat().st_size:,} bytes")
    return 0


def licence_text() -> bytes:
    """Unicode's licence as it comes with the data: "this notice [shall] appear with all copies"."""
    return (Path(babel.__file__).parent / "locale-data" / "LICENSE.unicode").read_bytes()


def collected() -> dict:
    """What the file holds: where the words come from, and for each language its names and words."""
    english = {kind: set(names.values()) for kind, names in named(Locale("en")).items()}
    given = {code: named(Locale.parse(code)) for code in sorted(FAMILY_OF)}
    languages: dict[str, dict] = {
        code: {
            "name": NAMES.get(code) or str(Locale("en").languages[code]),
            "family": FAMILY_OF[code],
            "script": script(given[code]),
        }
        for code in given
    }
    for kind, least in LEAST.items():
        sound = {
            code: {
                key: word for key, word in kinds[kind].items() if is_word(word) and word not in english[kind]
            }
            for code, kinds in given.items()
        }
        writers = Counter(word for words in sound.values() for word in set(words.values()))
        meanings = sorted({key for words in sound.values() for key in words})
        order = [meanings[i] for i in np.argsort(np.random.RandomState(SEED).random_sample(len(meanings)))]
        for code, words in sound.items():
            own = [words[key] for key in order if key in words and writers[words[key]] == 1]
            own = list(dict.fromkeys(own))[:MOST]  # one word may have two meanings
            if len(own) >= least:
                languages[code][kind] = own
    return {
        "source": f"Unicode CLDR {get_cldr_version()}, through Babel {babel.__version__}",
        "languages": {code: entry for code, entry in languages.items() if set(LEAST) & set(entry)},
    }


def named(locale: Locale) -> dict[str, dict[str, str]]:
    """Kind -> what is meant -> the word in that language."""
    calendar = {
        f"{part} {key}": name
        for part in ("months", "days")
        for context in ("stand-alone", "format")  # the second where there are both
        for key, name in getattr(locale, part).get(context, {}).get("wide", {}).items()
    }
    found = {
        "territories": {key: name for key, name in locale.territories.items() if key.isalpha()},
        "languages": {key: name for key, name in locale.languages.items() if "_" not in key},
        "calendar": calendar,
    }
    return {
        kind: {key: unicodedata.normalize("NFC", str(name)).strip().lower() for key, name in names.items()}
        for kind, names in found.items()
    }


def is_word(text: str) -> bool:
    """Letters with their marks, and what stands between the words of a name."""
    return 2 <= len(text) <= LONGEST and all(
        unicodedata.category(sign)[0] in "LM" or sign in " -'’ʼ·\u200c\u200d" for sign in text
    )


def script(kinds: dict[str, dict[str, str]]) -> str:
    """The script in which most of a language's words begin."""
    words = [word for names in kinds.values() for word in names.values()]
    first = Counter(
        unicodedata.name(sign).partition(" ")[0]
        for word in words
        if (sign := next((sign for sign in word if unicodedata.category(sign)[0] == "L"), None))
    )
    most = first.most_common(1)[0][0]
    return SCRIPTS.get(most, most.capitalize())


if __name__ == "__main__":
    sys.exit(main())
