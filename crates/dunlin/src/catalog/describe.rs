//! A catalog as sorted text: the base of fingerprints, snapshots and differences.
