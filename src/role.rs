//! `Role`: which end of the connection we are.

/// Which end of the connection *we* are; parameters of this type are called `local`.
///
/// The role decides three things in the ending of a WebSocket: who masks
/// ([RFC 6455, 5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.1)), who ends the transport first
/// ([7.1.1](https://www.rfc-editor.org/rfc/rfc6455#section-7.1.1)), and that
/// [`MANDATORY_EXTENSION`](crate::CloseCode::MANDATORY_EXTENSION) is a client's code.
///
/// ```
/// use websocket_close::{Role, wire};
///
/// // A server receives masked frames only, so these two bytes already prove a fault.
/// assert_eq!(wire::peek(Role::Server, &[0x88, 0x00]), Err(wire::Error::Unmasked));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We opened the connection: we send masked frames and receive unmasked ones.
    Client,
    /// We accepted the connection: we send unmasked frames and receive masked ones.
    Server,
}
