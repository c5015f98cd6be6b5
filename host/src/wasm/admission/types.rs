//! The types of a component, however deep they stand in each other.
//!
//! wasmparser reads a type within a type by recursion, so a file of some hundred KiB overflows the stack. Here the types that
//! hold declarations lie on a stack of our own, and only what holds no other type is handed to wasmparser.

use wasmparser::{
    BinaryReader, ComponentAlias, ComponentDefinedType, ComponentExternName, ComponentImport,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, ComponentValType, TypeBounds,
};

use super::component::ComponentFrame;
use super::{Refusal, Walk, not_on_offer};

/// The leading byte of a component's type, which holds declarations.
const COMPONENT: u8 = 0x41;
/// The leading byte of an instance's type, which does so too.
const INSTANCE: u8 = 0x42;

/// How deep each type of one index space is.
#[derive(Debug, Default)]
pub(super) struct TypeSpace(Vec<u32>);

impl TypeSpace {
    pub(super) fn push(&mut self, depth: u32) {
        self.0.push(depth);
    }

    /// 0 where there is no such type: the compiler will refuse it.
    pub(super) fn depth(&self, index: u32) -> u32 {
        self.0.get(index as usize).copied().unwrap_or(0)
    }

    fn value(&self, ty: ComponentValType) -> u32 {
        match ty {
            ComponentValType::Primitive(_) => 0,
            ComponentValType::Type(index) => self.depth(index),
        }
    }

    fn deepest(&self, types: impl IntoIterator<Item = ComponentValType>) -> u32 {
        types.into_iter().map(|ty| self.value(ty)).max().unwrap_or(0)
    }

    /// How deep a type is that holds no declarations.
    fn of(&self, ty: &ComponentType<'_>) -> Result<u32, Refusal> {
        use ComponentDefinedType as Defined;
        let inner = match ty {
            ComponentType::Resource { .. } => 0,
            ComponentType::Func(function) if function.async_ => {
                return Err(not_on_offer("asynchronous functions of components"));
            }
            ComponentType::Func(function) => {
                self.deepest(function.params.iter().map(|(_, ty)| *ty).chain(function.result))
            }
            ComponentType::Defined(defined) => match defined {
                Defined::Primitive(_) | Defined::Flags(_) | Defined::Enum(_) => 0,
                Defined::Record(fields) => self.deepest(fields.iter().map(|(_, ty)| *ty)),
                Defined::Variant(cases) => self.deepest(cases.iter().filter_map(|case| case.ty)),
                Defined::List(ty) | Defined::Option(ty) | Defined::FixedLengthList(ty, _) => self.value(*ty),
                Defined::Map(key, value) => self.deepest([*key, *value]),
                Defined::Tuple(types) => self.deepest(types.iter().copied()),
                Defined::Result { ok, err } => self.deepest(ok.iter().chain(err).copied()),
                Defined::Own(index) | Defined::Borrow(index) => self.depth(*index),
                Defined::Future(_) | Defined::Stream(_) => {
                    return Err(not_on_offer("futures and streams of components"));
                }
            },
            // Read by `Walk::component_types` itself.
            ComponentType::Component(_) | ComponentType::Instance(_) => 0,
        };
        Ok(inner.saturating_add(1))
    }
}

/// How deep a type is that is imported within these bounds.
pub(super) fn import_depth(bounds: TypeBounds, space: &TypeSpace) -> u32 {
    match bounds {
        TypeBounds::Eq(index) => space.depth(index),
        TypeBounds::SubResource => 1,
    }
}

/// A type that holds declarations, and is not at its end yet.
struct Open {
    /// Of a component, which may import.
    is_component: bool,
    /// Declarations still to come.
    left: u32,
    space: TypeSpace,
    /// The deepest type in it.
    deepest: u32,
}

impl<'a> Walk<'a> {
    /// Reads a section of types: the count, then each.
    pub(super) fn component_types(
        &mut self,
        component: &mut ComponentFrame,
        mut reader: BinaryReader<'a>,
    ) -> Result<(), Refusal> {
        let count = reader.read_var_u32()?;
        let mut open: Vec<Open> = Vec::new();
        for _ in 0..count {
            let mut done = self.component_type(component, &mut open, &mut reader)?;
            // Until the type of this round is at its end.
            loop {
                match (done, open.last_mut()) {
                    (Some(depth), None) => {
                        component.types.push(depth);
                        break;
                    }
                    (Some(depth), Some(around)) => {
                        around.space.push(depth);
                        around.deepest = around.deepest.max(depth);
                    }
                    (None, _) => {}
                }
                done = self.next_of_open(component, &mut open, &mut reader)?;
            }
        }
        Ok(())
    }

    /// Reads a type; gives its depth, or opens it where it holds declarations.
    fn component_type(
        &mut self,
        component: &ComponentFrame,
        open: &mut Vec<Open>,
        reader: &mut BinaryReader<'a>,
    ) -> Result<Option<u32>, Refusal> {
        self.count_types(1)?;
        let depth = match self.bytes.get(reader.original_position()) {
            Some(byte @ (&COMPONENT | &INSTANCE)) => {
                let is_component = *byte == COMPONENT;
                reader.read_u8()?;
                let left = reader.read_var_u32()?;
                open.push(Open { is_component, left, space: TypeSpace::default(), deepest: 0 });
                self.deepen(open.len() as u64)?;
                return Ok(None);
            }
            _ => {
                let ty: ComponentType<'_> = reader.read()?;
                open.last().map_or(&component.types, |open| &open.space).of(&ty)?
            }
        };
        self.deepen(u64::from(depth).saturating_add(open.len() as u64))?;
        Ok(Some(depth))
    }

    /// Goes on with the innermost open type: one declaration, or its end. Gives the depth of a type that is at its end.
    fn next_of_open(
        &mut self,
        component: &ComponentFrame,
        open: &mut Vec<Open>,
        reader: &mut BinaryReader<'a>,
    ) -> Result<Option<u32>, Refusal> {
        let Some(innermost) = open.last_mut() else { return Ok(None) };
        if innermost.left == 0 {
            let depth = innermost.deepest.saturating_add(1);
            open.pop();
            return Ok(Some(depth));
        }
        innermost.left -= 1;
        match reader.read_u8()? {
            0x00 => {
                self.core_type(reader)?;
            }
            0x01 => return self.component_type(component, open, reader),
            0x02 => {
                let alias: ComponentAlias<'_> = reader.read()?;
                if let Some(depth) = self.aliased_type(component, open, &alias)
                    && let Some(innermost) = open.last_mut()
                {
                    self.count_types(1)?;
                    innermost.space.push(depth);
                }
            }
            0x03 if innermost.is_component => {
                let import: ComponentImport<'_> = reader.read()?;
                named(innermost, import.ty);
            }
            0x04 => {
                reader.read::<ComponentExternName<'_>>()?;
                let ty: ComponentTypeRef = reader.read()?;
                named(innermost, ty);
            }
            byte => return Err(Refusal::Damaged(format!("{byte:#x} begins no declaration of a type"))),
        }
        Ok(None)
    }

    /// The depth of a type that an alias within a type means; none where it means something else.
    fn aliased_type(
        &self,
        component: &ComponentFrame,
        open: &[Open],
        alias: &ComponentAlias<'_>,
    ) -> Option<u32> {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                let own = u32::try_from(open.len()).unwrap_or(u32::MAX);
                let depth = match open.iter().rev().nth(*count as usize) {
                    Some(open) => open.space.depth(*index),
                    None => self.outer(component, count - own).map_or(0, |c| c.types.depth(*index)),
                };
                Some(depth)
            }
            ComponentAlias::InstanceExport { kind: wasmparser::ComponentExternalKind::Type, .. } => Some(1),
            _ => None,
        }
    }

    fn deepen(&mut self, depth: u64) -> Result<(), Refusal> {
        self.census.type_depth = self.census.type_depth.max(depth);
        self.check()
    }
}

/// An import or export of a type within a type is one more name in its index space.
fn named(open: &mut Open, ty: ComponentTypeRef) {
    if let ComponentTypeRef::Type(bounds) = ty {
        let depth = import_depth(bounds, &open.space);
        open.space.push(depth);
    }
}
