//! Which configuration's state metrics show. Those that a reload tries, and those that requests of
//! before still use, have the same series as the one in force.

use super::Providers;

impl Providers {
    /// Shows in metrics what these know, in place of `earlier`: their configuration is in force from
    /// now on.
    pub fn show(&self, earlier: Option<&Self>) {
        // What goes on is hidden for as long as nothing else runs on the thread that shows it.
        earlier.into_iter().for_each(Self::hide);
        self.keys.show();
        self.signer_store.show();
        self.introspection.show();
        self.upstream_credentials.show();
        self.revocations.show();
        self.shared.show();
    }

    fn hide(&self) {
        self.keys.hide();
        self.signer_store.hide();
        self.introspection.hide();
        self.upstream_credentials.hide();
        self.revocations.hide();
        self.shared.hide();
    }
}
