//! The sections of a component: what its instances take, multiplied out.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExport, ComponentExternalKind, ComponentImport,
    ComponentInstance, ComponentOuterAliasKind, ComponentTypeRef, Instance, Payload,
};

use super::census::Cost;
use super::types::{TypeSpace, import_depth};
use super::{Frame, Refusal, Walk, not_on_offer};

/// A component on the way to its end.
#[derive(Default)]
pub(super) struct ComponentFrame {
    /// What its instances take so far.
    pub(super) cost: Cost,
    /// What an instance of each module takes, in the order of their index.
    pub(super) modules: Vec<Cost>,
    /// What an instance of each component takes, in the order of their index.
    pub(super) components: Vec<Cost>,
    /// How deep each of its types is, in the order of their index.
    pub(super) types: TypeSpace,
}

/// A module or component that comes from elsewhere: nobody knows what its instances take, and no tool makes such.
fn from_elsewhere(kind: &str, name: &str) -> Refusal {
    not_on_offer(format!("the {kind} `{}` as an import or out of an instance", name.escape_debug()))
}

/// What the n-th takes. Nothing where there is none: the compiler will refuse it.
fn nth(costs: &[Cost], index: Option<u32>) -> Cost {
    index.and_then(|index| costs.get(index as usize)).copied().unwrap_or_default()
}

impl<'a> Walk<'a> {
    pub(super) fn component_section(
        &mut self,
        component: &mut ComponentFrame,
        payload: Payload<'a>,
    ) -> Result<(), Refusal> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    let index = match instance? {
                        Instance::Instantiate { module_index, .. } => Some(module_index),
                        Instance::FromExports(_) => None,
                    };
                    self.instance(component, &nth(&component.modules, index))?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let index = match instance? {
                        ComponentInstance::Instantiate { component_index, .. } => Some(component_index),
                        ComponentInstance::FromExports(_) => None,
                    };
                    self.instance(component, &nth(&component.components, index))?;
                }
            }
            Payload::CoreTypeSection(section) => {
                let mut reader = self.section(&section.range())?;
                for _ in 0..reader.read_var_u32()? {
                    self.core_type(&mut reader)?;
                }
            }
            Payload::ComponentTypeSection(section) => {
                let reader = self.section(&section.range())?;
                self.component_types(component, reader)?;
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(component, &alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                self.census.functions = self.census.functions.saturating_add(section.count().into());
                self.check()?;
                for function in section {
                    check_canonical(&function?)?;
                }
            }
            Payload::ComponentStartSection { .. } => return Err(not_on_offer("component start functions")),
            Payload::ComponentImportSection(section) => {
                section.into_iter().try_for_each(|import| self.import(component, &import?))?;
            }
            Payload::ComponentExportSection(section) => {
                section.into_iter().try_for_each(|export| self.export(component, &export?))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn import(
        &mut self,
        component: &mut ComponentFrame,
        import: &ComponentImport<'_>,
    ) -> Result<(), Refusal> {
        match import.ty {
            ComponentTypeRef::Module(_) => Err(from_elsewhere("module", import.name.name)),
            ComponentTypeRef::Component(_) => Err(from_elsewhere("component", import.name.name)),
            ComponentTypeRef::Type(bounds) => {
                self.count_types(1)?;
                component.types.push(import_depth(bounds, &component.types));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An export is one more name in its index space.
    fn export(
        &mut self,
        component: &mut ComponentFrame,
        export: &ComponentExport<'_>,
    ) -> Result<(), Refusal> {
        match export.kind {
            ComponentExternalKind::Module => {
                component.modules.push(nth(&component.modules, Some(export.index)));
            }
            ComponentExternalKind::Component => {
                component.components.push(nth(&component.components, Some(export.index)));
            }
            ComponentExternalKind::Type => {
                self.count_types(1)?;
                component.types.push(component.types.depth(export.index));
            }
            _ => {}
        }
        Ok(())
    }

    /// One more instance, with all that it takes.
    fn instance(&mut self, component: &mut ComponentFrame, made: &Cost) -> Result<(), Refusal> {
        component.cost.add(&Cost { instances: 1, ..Cost::default() });
        component.cost.add(made);
        // Stops early, also in a component that nobody instantiates.
        self.census.instances = self.census.instances.max(component.cost.instances);
        self.check()
    }

    fn alias(&mut self, component: &mut ComponentFrame, alias: &ComponentAlias<'_>) -> Result<(), Refusal> {
        match alias {
            ComponentAlias::InstanceExport { kind, name, .. } => match kind {
                ComponentExternalKind::Module => Err(from_elsewhere("module", name)),
                ComponentExternalKind::Component => Err(from_elsewhere("component", name)),
                ComponentExternalKind::Type => {
                    self.count_types(1)?;
                    component.types.push(1);
                    Ok(())
                }
                _ => Ok(()),
            },
            ComponentAlias::CoreInstanceExport { .. } => Ok(()),
            ComponentAlias::Outer { kind, count, index } => {
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        let cost = self.outer(component, *count).map(|c| nth(&c.modules, Some(*index)));
                        component.modules.push(cost.unwrap_or_default());
                    }
                    ComponentOuterAliasKind::Component => {
                        let cost = self.outer(component, *count).map(|c| nth(&c.components, Some(*index)));
                        component.components.push(cost.unwrap_or_default());
                    }
                    ComponentOuterAliasKind::Type => {
                        self.count_types(1)?;
                        let depth = self.outer(component, *count).map_or(0, |c| c.types.depth(*index));
                        component.types.push(depth);
                    }
                    ComponentOuterAliasKind::CoreType => self.count_types(1)?,
                }
                Ok(())
            }
        }
    }

    /// The component `count` levels around `component`, itself at 0.
    pub(super) fn outer<'c>(
        &'c self,
        component: &'c ComponentFrame,
        count: u32,
    ) -> Option<&'c ComponentFrame> {
        let Some(above) = count.checked_sub(1) else { return Some(component) };
        match self.frames.iter().rev().nth(above as usize)? {
            Frame::Component(outer) => Some(outer),
            Frame::Module(_) => None,
        }
    }
}

/// Of the canonical functions, those that lift, lower and handle resources are on offer.
fn check_canonical(function: &CanonicalFunction) -> Result<(), Refusal> {
    match function {
        CanonicalFunction::Lift { .. }
        | CanonicalFunction::Lower { .. }
        | CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => Ok(()),
        _ => Err(not_on_offer("threads, or asynchronous functions of components")),
    }
}
