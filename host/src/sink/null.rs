//! `null`: takes everything, keeps nothing, answers 250. For trying out and measuring chains.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Delivery, Placement, Sink, SinkError};
use crate::chain::{Content, Keys, Settings, StageScope};
use crate::mail::Envelope;

/// A configured `null`.
pub struct Null {
    name: String,
}

/// No settings.
pub fn configure(scope: &StageScope, settings: Settings) -> Result<Null, String> {
    Keys::new(settings).finish()?;
    Ok(Null { name: scope.label.clone() })
}

#[async_trait]
impl Sink for Null {
    fn name(&self) -> &str {
        &self.name
    }

    fn takes(&self) -> Content {
        Content::Any
    }

    async fn open(&self, _envelope: &Envelope) -> Result<Box<dyn Delivery>, SinkError> {
        Ok(Box::new(NullDelivery))
    }
}

struct NullDelivery;

#[async_trait]
impl Delivery for NullDelivery {
    async fn write(&mut self, _chunk: Bytes) -> Result<(), SinkError> {
        Ok(())
    }

    async fn prepare(&mut self, _placement: Placement) -> Result<(), SinkError> {
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}
