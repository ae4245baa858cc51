"""``edgefleet demo``: the whole way of a model, on real data, in one terminal."""
