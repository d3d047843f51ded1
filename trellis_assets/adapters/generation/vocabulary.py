"""Words that the embedded generator knows: colours, materials, and the shape of things."""

# sRGB, 0..1.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.80, 0.12, 0.10), "crimson": (0.72, 0.05, 0.18), "maroon": (0.45, 0.05, 0.10),
    "orange": (0.95, 0.50, 0.10), "amber": (0.95, 0.65, 0.12), "yellow": (0.95, 0.85, 0.15),
    "gold": (0.83, 0.65, 0.22), "golden": (0.83, 0.65, 0.22), "green": (0.15, 0.55, 0.20),
    "emerald": (0.05, 0.60, 0.38), "olive": (0.45, 0.48, 0.15), "lime": (0.60, 0.88, 0.15),
    "teal": (0.05, 0.50, 0.50), "turquoise": (0.20, 0.75, 0.72), "cyan": (0.15, 0.80, 0.90),
    "blue": (0.12, 0.28, 0.75), "navy": (0.06, 0.10, 0.38), "indigo": (0.25, 0.12, 0.55),
    "purple": (0.48, 0.15, 0.62), "violet": (0.56, 0.30, 0.80), "magenta": (0.85, 0.15, 0.65),
    "pink": (0.95, 0.55, 0.68), "brown": (0.42, 0.26, 0.14), "beige": (0.86, 0.79, 0.65),
    "white": (0.93, 0.93, 0.91), "ivory": (0.93, 0.90, 0.80), "black": (0.07, 0.07, 0.08),
    "gray": (0.50, 0.50, 0.50), "grey": (0.50, 0.50, 0.50), "silver": (0.75, 0.76, 0.78),
    "bronze": (0.55, 0.38, 0.18), "copper": (0.72, 0.42, 0.25), "wooden": (0.55, 0.36, 0.20),
    "wood": (0.55, 0.36, 0.20), "oak": (0.62, 0.45, 0.26), "metal": (0.62, 0.64, 0.67),
    "steel": (0.65, 0.67, 0.70), "iron": (0.32, 0.32, 0.34), "stone": (0.58, 0.56, 0.52),
    "marble": (0.88, 0.87, 0.85), "clay": (0.70, 0.42, 0.30), "terracotta": (0.77, 0.43, 0.30),
    "ceramic": (0.85, 0.83, 0.80), "glass": (0.70, 0.85, 0.88), "leather": (0.40, 0.22, 0.12),
    "ruby": (0.70, 0.05, 0.15), "sapphire": (0.08, 0.18, 0.62), "jade": (0.20, 0.58, 0.42),
}  # fmt: skip

# A body of revolution: (height, radius) pairs from bottom to top, in units of half the model.
PROFILES: dict[str, tuple[tuple[float, float], ...]] = {
    "vase": ((-1, 0.35), (-0.9, 0.42), (-0.3, 0.62), (0.2, 0.5), (0.6, 0.24), (0.85, 0.28), (1, 0.4)),
    "bottle": ((-1, 0.38), (-0.95, 0.4), (0.2, 0.4), (0.45, 0.2), (0.6, 0.14), (1, 0.14)),
    "cup": ((-0.6, 0.4), (-0.55, 0.45), (0.6, 0.55)),
    "bowl": ((-0.45, 0.25), (-0.4, 0.45), (-0.1, 0.8), (0.35, 0.98)),
    "goblet": ((-1, 0.5), (-0.92, 0.46), (-0.85, 0.1), (-0.1, 0.09), (0.1, 0.4), (0.9, 0.48)),
    "lamp": ((-1, 0.4), (-0.9, 0.36), (-0.85, 0.08), (0.1, 0.08), (0.15, 0.7), (0.9, 0.36)),
    "tree": ((-1, 0.16), (-0.4, 0.13), (-0.38, 0.7), (0.1, 0.5), (0.12, 0.55), (1, 0.02)),
    "mushroom": ((-0.9, 0.3), (0.0, 0.22), (0.02, 0.85), (0.3, 0.75), (0.6, 0.45), (0.75, 0.02)),
    "bell": ((-0.8, 0.8), (-0.7, 0.72), (-0.2, 0.5), (0.4, 0.42), (0.7, 0.25), (0.8, 0.05)),
    "pear": ((-0.9, 0.1), (-0.75, 0.5), (-0.3, 0.66), (0.2, 0.45), (0.6, 0.3), (0.9, 0.05)),
    "candle": ((-0.9, 0.3), (0.7, 0.3), (0.72, 0.04), (0.95, 0.02)),
    "rocket": ((-1, 0.3), (-0.8, 0.25), (0.3, 0.27), (0.7, 0.17), (1, 0.01)),
}

# Which shape a thing has: a profile above, or one of box, ball, ring, cylinder, table, chair,
# boat, car, creature, blade.
THINGS: dict[str, str] = {
    **{name: name for name in PROFILES},
    **dict.fromkeys(("jar", "urn", "pot", "pitcher", "jug", "amphora", "teapot", "kettle"), "vase"),
    **dict.fromkeys(("flask", "perfume", "wine", "potion"), "bottle"),
    **dict.fromkeys(("mug", "glass", "bucket", "basket", "tumbler"), "cup"),
    **dict.fromkeys(("dish", "plate", "basin", "hat", "umbrella"), "bowl"),
    **dict.fromkeys(("chalice", "trophy", "wineglass"), "goblet"),
    **dict.fromkeys(("lantern", "chandelier", "lampshade"), "lamp"),
    **dict.fromkeys(("pine", "bonsai", "cactus", "plant", "flower", "rose", "tulip", "lotus"), "tree"),
    **dict.fromkeys(("box", "chest", "book", "cube", "crate", "printer", "radio", "phone", "camera"), "box"),
    **dict.fromkeys(("cabinet", "house", "castle", "tower", "building", "oven", "clock", "bag"), "box"),
    **dict.fromkeys(("ball", "globe", "apple", "orange", "planet", "pearl", "gem", "balloon"), "ball"),
    **dict.fromkeys(("ring", "bracelet", "wheel", "donut", "wreath", "tire", "necklace", "crown"), "ring"),
    **dict.fromkeys(("drum", "barrel", "can", "pillar", "column", "pipe", "cannon"), "cylinder"),
    **dict.fromkeys(("table", "desk", "bench", "bed"), "table"),
    **dict.fromkeys(("chair", "throne", "sofa", "couch", "stool", "armchair"), "chair"),
    **dict.fromkeys(("boat", "ship", "sailboat", "canoe", "yacht"), "boat"),
    **dict.fromkeys(("car", "truck", "bus", "van", "train", "tractor", "taxi"), "car"),
    **dict.fromkeys(("dog", "cat", "horse", "dragon", "lion", "bear", "fox", "robot", "dinosaur"), "creature"),
    **dict.fromkeys(("sword", "axe", "knife", "spear", "hammer", "guitar", "violin", "bow"), "blade"),
}  # fmt: skip
