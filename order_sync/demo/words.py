"""In: nothing.
Out: the vocabulary of the sample orders: columns, invented customers, seasons, garments, colours, odd texts.
Never: a name of a real customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]  # by column name

COLOUR = "CUSTOMER COLOUR DESCRIPTION"
DESCRIPTION = "STYLE DESCRIPTION"
STYLE = "CUSTOMER STYLE"
PO = "PO NUMBER"
ALT_PO = "CUSTOMER ALT PO"
ALIAS = "ALIAS/RELATED ITEM"
ETA = "ETA CUSTOMER WAREHOUSE DATE"
TYPE = "ORDER TYPE"
TOTAL = "TOTAL QTY"
FOB = "FINAL FOB (USD)"

# All invented. The first is the one customer of the small sample.
CUSTOMERS = (
    "O'Malley & Daughters",
    "Café Brontë",
    "Wick & Wool Lantern Co.",
    "Ateliê Três Pardais",
    "七つ針メリヤス",
    "D'Quillfeather Outfitters",
    "Ателье «Медный Ёж»",
    "Pellmell & Sons' Workwear",
    "Fjällugglan Strömpor",
    "Żółty Guzik Odzież",
    "Tumblethorn Kids",
    "L'Échelle à Boutons",
    "Ραφείο Γλαύκα & Υιοί",
    "Marrowbridge Uniforms",
    'The "Odd Sock" Cabin',
    "바늘고래 상회",
    "Quaywater Knitting",
    "Hüpfburg & Zwirn",
    "Nine Herons Golf",
    "Señor Calcetín del Sur",
    "Bramblewick / Fenn",
    "خياط القمر السابع",
    "Oatcake Outdoors",
    "Dŵr Glas Dillad",
    "Peregrine's Larder",
    "Saltmarsh 44",
    "Köprüüstü Düğme",
    "Gingham + Gale",
    "Thistle, Tuck and Teasel",
    "Škrjánek Móda",
    "Moonpenny Nursery",
    "Rye-Barley Denim",
    "N° 8 Rue Imaginaire",
    "Zig, Zag & O'Zigzag",
)

SEASONS = ("SS27", "AW26", "SS26", "AW27", "HS26", "HOL26", "CORE 26")

PROGRAMMES = ("Repeats", "Uniform 26/27", 'Core "never out"', "Friends & family", "Sampling")

COLOURS = (
    "Black", "White", "Navy", "Ecru", "Grey marl", "Charcoal", "Bottle green", "Rust", "Sky", "Fuchsia",
    "Navy/White stripe", "Sage", "Terracotta", "Écru chiné", "Crème brûlée", "Ink - 19-4010", "Washed indigo",
    "Olive & Sand", "Oat", "Forest check", "Bleu de travail", "Lilac haze", "Mustard", "Optic white",
)  # fmt: skip

LONG_COLOUR = "Engineered stripe: " + " / ".join([*COLOURS[:11], *COLOURS[:11]])[:230]  # nvarchar(255)

# Text that breaks careless quoting, escaping or encoding.
ODD_TEXTS: tuple[Row, ...] = (
    {COLOUR: 'Navy "Regatta" 1/2" stripe'},
    {COLOUR: "Ecru {undyed} [lot 7]"},
    {STYLE: r"TS\4410\B"},
    {STYLE: "O'HARA-22; --", COLOUR: "Rosé % 50"},
    {DESCRIPTION: "Raglan sweat\nwith contrast neck tape\r\n(see tech pack, p. 2)"},
    {DESCRIPTION: 'Boxy tee "v2" {"fit": "loose"} \\ brushed back, $size <b>relaxed</b>'},
    {COLOUR: "Sunrise 🌅 print"},
)


@dataclass(frozen=True)
class Garment:
    code: str
    description: str
    sizes: tuple[str, ...]


_ALPHA = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "3XL", "4XL")
_PLUS = ("XS", "S", "M", "L", "XL", "2XL", "3XL", "4XL", "5XL")
_WAIST = ("28/30", "30/30", "30/32", "32/30", "32/32", "34/30", "34/32", "36/32", "38/34")
_WOMENS = ("4", "6", "8", "10", "12", "14", "16", "18", "20")
_KIDS = ("2-3Y", "3-4Y", "4-5Y", "5-6Y", "6-7Y", "7-8Y", "9-10Y", "11-12Y", "13-14Y")
_BABY = ("NB", "0-1M", "0-3M", "3-6M", "6-9M", "9-12M", "12-18M", "18-24M", "24-36M")

GARMENTS = (
    Garment("TS", "Crew neck tee, organic jersey 180 gsm", _ALPHA),
    Garment("PL", "Piqué polo, two buttons, tipped collar", _PLUS),
    Garment("HD", "Zip hoody, loopback 320 gsm", _ALPHA),
    Garment("KN", "Merino crew, 12 gauge, fully fashioned", _ALPHA),
    Garment("JK", "Quilted work jacket, recycled fill", _PLUS),
    Garment("CH", "Five-pocket chino, brushed twill", _WAIST),
    Garment("DN", "Straight jean, 13 oz selvedge", _WAIST),
    Garment("DR", "Tiered poplin dress, side pockets", _WOMENS),
    Garment("BL", "Tie-neck blouse, viscose crêpe", _WOMENS),
    Garment("KH", "Kids' hooded sweat, brushed back", _KIDS),
    Garment("KP", "Kids' pyjama set, all-over print", _KIDS),
    Garment("BB", "Baby bodysuit, pack of 3", _BABY),
)

ONE_SIZE_GARMENTS = (
    Garment("BN", "Ribbed beanie, lambswool", ("O/S",)),
    Garment("SC", "Woven scarf, fringed ends", ("ONE SIZE",)),
    Garment("TT", "Canvas tote, screen print", ("O/S",)),
)
