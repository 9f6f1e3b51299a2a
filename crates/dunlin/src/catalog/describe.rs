//! A catalog as sorted text: the base of fingerprints, snapshots and differences.

impl super::Catalog {
    /// Placeholder until the merge.
    pub fn fingerprint(&self) -> [u8; 32] { [0; 32] }
}
