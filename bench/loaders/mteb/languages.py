"""The language codes of mteb (ISO 639-3, hyphen, script) as BCP-47, and which of a subset's is that of its queries."""

from __future__ import annotations

from collections.abc import Sequence

CODE, MANY = "zxx", "mul"
"""BCP-47 for a programming language (no linguistic content) and for several languages at once."""

# ISO 639-3 by the two-letter code of ISO 639-1 (the registration authority's table), with the member of a
# macrolanguage that is meant where nothing else is said.
_TWO_LETTERS = """
af afr, am amh, ar ara arb, as asm, ay aym, az aze azj, ba bak, be bel, bg bul, bm bam, bn ben, bo bod, br bre, bs bos,
ca cat, cs ces, cv chv, cy cym, da dan, de deu, dv div, dz dzo, ee ewe, el ell, en eng, eo epo, es spa, et est ekk,
eu eus, fa fas pes, ff ful fuv, fi fin, fj fij, fo fao, fr fra, fy fry, ga gle, gd gla, gl glg, gn grn gug, gu guj,
gv glv, ha hau, he heb, hi hin, ho hmo, hr hrv, ht hat, hu hun, hy hye, id ind, ig ibo, is isl, it ita, ja jpn, jv jav,
ka kat, kg kon, ki kik, kk kaz, kl kal, km khm, kn kan, ko kor, ks kas, ku kur kmr, kw cor, ky kir, la lat, lb ltz,
lg lug, li lim, ln lin, lo lao, lt lit, lv lav lvs, mg mlg plt, mi mri, mk mkd, ml mal, mn mon khk, mr mar, ms msa zsm,
mt mlt, my mya, nb nob, ne nep npi, nl nld, nn nno, no nor, ny nya, oc oci, om orm gaz, or ori ory, os oss, pa pan,
pl pol, ps pus pbt, pt por, qu que quy, rm roh, rn run, ro ron, ru rus, rw kin, sa san, sc srd, sd snd, se sme, sg sag,
si sin, sk slk, sl slv, sm smo, sn sna, so som, sq sqi als, sr srp, ss ssw, st sot, su sun, sv swe, sw swa swh, ta tam,
te tel, tg tgk, th tha, ti tir, tk tuk, tl tgl, tn tsn, to ton, tr tur, ts tso, tt tat, tw twi, ty tah, ug uig, uk ukr,
ur urd, uz uzb uzn, vi vie, wa wln, wo wol, xh xho, yi yid ydd, yo yor, za zha, zh zho cmn, zu zul
"""
_SHORT = {long: row.split()[0] for row in _TWO_LETTERS.split(",") for long in row.split()[1:]}

# Languages that are not usually written in Latin script: there it has to be said.
_OTHER_SCRIPTS = """
am ar as be bg bn bo dv dz el fa gu he hi hy ja ka kk km kn ko ks ky lo mk ml mn mr my ne or pa ps ru sa sd si sr ta te
tg th ti ug uk ur yi zh
"""
_NOT_LATIN = frozenset(_OTHER_SCRIPTS.split())

# Tasks whose subsets name the language of the documents first; in all others with two it is that of the queries. Of
# Belebele as its loader reads them, of MLQA and XPQA by the lengths of both sides in mteb's descriptive statistics.
_DOCUMENTS_FIRST = frozenset({"BelebeleRetrieval", "MLQARetrieval", "XPQARetrieval"})
_NORWEGIAN = frozenset({"no", "nb", "nn"})


def bcp47(code: str) -> str:
    """`deu-Latn` as `de`, `arb-Latn` as `ar-Latn`, `zho-Hant` as `zh-Hant`, `acm-Arab` as `acm`, all code as `zxx`."""
    long, _, script = code.partition("-")
    if script == "Code":
        return CODE
    short = _SHORT.get(long, long)
    told = script == "Hant" or (script == "Latn" and short in _NOT_LATIN)
    return f"{short}-{script}" if told else short


def long_code(tag: str) -> str:
    """The code of ISO 639-3 for a BCP-47 tag, without a script: `de` as `deu`, `zh-Hant` as `zho`, `acm` as itself."""
    short = tag.partition("-")[0]
    return next((long for long, found in _SHORT.items() if found == short), short)


def sides(task: str, codes: Sequence[str]) -> tuple[str, str]:
    """The languages of the queries and of the documents of a subset that mteb lists with these codes."""
    found = list(dict.fromkeys(map(bcp47, codes)))
    if set(found) <= _NORWEGIAN and len(found) > 1:
        return "no", "no"
    if len(found) == 1:
        return found[0], found[0]
    if len(found) > 2:
        return MANY, MANY
    first, second = found
    return (second, first) if task in _DOCUMENTS_FIRST else (first, second)
