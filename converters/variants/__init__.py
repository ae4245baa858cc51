"""Variants of a converted model: smaller and quicker, and kept only if they are as good."""

from converters.variants.make import INT8, Exact, VariantRules, Variants, make_variants

__all__ = ["INT8", "Exact", "VariantRules", "Variants", "make_variants"]
