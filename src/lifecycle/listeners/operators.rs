//! The listeners of the control thread: the operator's, and the private one.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{
        self, View,
        control::{self, ControlView, ExplanationRate, ReloadRequest},
    },
    listener::{Listener, PassedSockets, settings::ListenAddress},
    settings::Settings,
};

use super::{super::server::StartError, bind_error};

/// What serves them.
pub(in crate::lifecycle) struct OperatorListeners {
    view: Arc<View>,
    control_view: Arc<ControlView>,
    admin: Option<ServedAddress>,
    control: Option<ServedAddress>,
}

/// The sockets of a new configuration that are not served yet. Dropped, they are closed.
pub(in crate::lifecycle) struct BoundOperators {
    /// `None`: it stays.
    admin: Option<BoundAddress>,
    control: ControlChange,
}

/// What a reload changes of the private listener.
enum ControlChange {
    Stays,
    Ends,
    Begins(BoundAddress),
}

struct BoundAddress {
    /// As configured.
    listen: ListenAddress,
    socket: Listener,
}

struct ServedAddress {
    listen: ListenAddress,
    stop: CancellationToken,
}

impl BoundOperators {
    /// The sockets of a start.
    pub(in crate::lifecycle) fn bind(
        settings: &Settings,
        passed: &mut PassedSockets,
    ) -> Result<Self, StartError> {
        Self::beside(None, None, settings, passed)
    }

    /// Binds what is not at these addresses yet.
    fn beside(
        admin: Option<&ListenAddress>,
        control: Option<&ListenAddress>,
        settings: &Settings,
        passed: &mut PassedSockets,
    ) -> Result<Self, StartError> {
        let new_admin = &settings.admin.listen;
        let admin = if admin == Some(new_admin) {
            None
        } else {
            let bound = Listener::bind(new_admin, 1, passed);
            let mut bound = bound.map_err(|error| bind_error(new_admin, "admin.listen", error))?;
            bound.pop().map(|socket| BoundAddress { listen: new_admin.clone(), socket })
        };
        let control = match settings.control.as_ref().map(|settings| &settings.listen) {
            None => ControlChange::Ends,
            Some(listen) if control == Some(listen) => ControlChange::Stays,
            Some(listen) => {
                let socket = Listener::bind_private(listen, passed)
                    .map_err(|error| bind_error(listen, "control.listen", error))?;
                ControlChange::Begins(BoundAddress { listen: listen.clone(), socket })
            }
        };
        Ok(Self { admin, control })
    }

    /// Where the operator's listener is bound.
    pub(in crate::lifecycle) fn admin_address(&self) -> std::io::Result<Option<ListenAddress>> {
        self.admin.as_ref().map(|bound| bound.socket.local_address()).transpose()
    }

    /// Where the private listener is bound.
    pub(in crate::lifecycle) fn control_address(&self) -> std::io::Result<Option<ListenAddress>> {
        match &self.control {
            ControlChange::Begins(bound) => bound.socket.local_address().map(Some),
            ControlChange::Stays | ControlChange::Ends => Ok(None),
        }
    }
}

impl OperatorListeners {
    /// None yet.
    pub(in crate::lifecycle) fn new(view: Arc<View>, reloads: mpsc::Sender<ReloadRequest>) -> Self {
        let control_view = Arc::new(ControlView {
            pages: Arc::clone(&view),
            reloads,
            explanations: ExplanationRate::default(),
        });
        Self { view, control_view, admin: None, control: None }
    }

    /// Binds what the settings have in addition.
    pub(in crate::lifecycle) fn prepare(
        &self,
        settings: &Settings,
        passed: &mut PassedSockets,
    ) -> Result<BoundOperators, StartError> {
        let of = |served: &Option<ServedAddress>| served.as_ref().map(|it| it.listen.clone());
        let (admin, control) = (of(&self.admin), of(&self.control));
        BoundOperators::beside(admin.as_ref(), control.as_ref(), settings, passed)
    }

    /// Serves what was prepared; what it takes the place of stops accepting.
    pub(in crate::lifecycle) fn adopt(&mut self, bound: BoundOperators) {
        let BoundOperators { admin, control } = bound;
        if let Some(admin) = admin {
            let view = Arc::clone(&self.view);
            let next = admin.serve(|socket, stop| {
                tokio::spawn(admin::serve(socket, view, stop));
            });
            end(self.admin.replace(next));
        }
        match control {
            ControlChange::Stays => {}
            ControlChange::Ends => end(self.control.take()),
            ControlChange::Begins(bound) => {
                let view = Arc::clone(&self.control_view);
                let next = bound.serve(|socket, stop| {
                    tokio::spawn(control::serve(socket, view, stop));
                });
                end(self.control.replace(next));
            }
        }
    }
}

impl BoundAddress {
    fn serve(self, spawn: impl FnOnce(Listener, CancellationToken)) -> ServedAddress {
        let stop = CancellationToken::new();
        spawn(self.socket, stop.clone());
        ServedAddress { listen: self.listen, stop }
    }
}

fn end(served: Option<ServedAddress>) {
    if let Some(ServedAddress { listen, stop }) = served {
        tracing::info!(%listen, "no longer listening");
        stop.cancel();
    }
}
