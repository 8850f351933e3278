//! `Role`: one end of the connection, the client or the server.

/// One end of the connection. A parameter called `local` is the end that *we* are.
///
/// The role decides who masks ([RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)), who ends the
/// transport first ([7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)), and who may send
/// [`MANDATORY_EXTENSION`](crate::CloseCode::MANDATORY_EXTENSION): only a client.
///
/// ```
/// use websocket_close::{Role, wire};
///
/// // A server receives masked frames only, so these two bytes already prove a fault.
/// assert_eq!(wire::peek(Role::Server, &mut [0x88, 0x00]), Err(wire::Error::Unmasked));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that opened the connection. It sends masked frames and receives unmasked ones.
    Client,
    /// The end that accepted the connection. It sends unmasked frames and receives masked ones.
    Server,
}

impl Role {
    /// The other end.
    ///
    /// ```
    /// # use websocket_close::Role;
    /// assert_eq!(Role::Client.peer(), Role::Server);
    /// ```
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
