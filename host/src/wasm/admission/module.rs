//! The sections of a core module.

use wasmparser::{
    BinaryReader, CompositeInnerType, Imports, MemoryType, Payload, RecGroup, RefType, TableType, TypeRef,
    ValType,
};

use super::census::Cost;
use super::{Refusal, Walk, not_on_offer};

/// Bytes of a page, as a power of two, where a memory says nothing else.
const PAGE_LOG2: u32 = 16;

/// A module on the way to its end.
#[derive(Default)]
pub(super) struct ModuleFrame {
    /// What an instance of it takes.
    pub(super) cost: Cost,
    /// The number of parameters of each type.
    params: Vec<u32>,
    /// The type of each function that it defines.
    functions: Vec<u32>,
    /// Bodies seen so far.
    bodies: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn module_section(
        &mut self,
        module: &mut ModuleFrame,
        payload: Payload<'a>,
    ) -> Result<(), Refusal> {
        match payload {
            Payload::TypeSection(section) => {
                let mut reader = self.section(&section.range())?;
                for _ in 0..reader.read_var_u32()? {
                    module.params.push(self.core_type(&mut reader)?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section {
                    let Imports::Single(_, import) = import? else {
                        return Err(not_on_offer("compact imports"));
                    };
                    check_import(&import.ty)?;
                }
            }
            Payload::FunctionSection(section) => {
                self.census.functions = self.census.functions.saturating_add(section.count().into());
                self.check()?;
                module.functions = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::TableSection(section) => {
                section.into_iter().try_for_each(|table| self.table(module, &table?.ty))?;
            }
            Payload::MemorySection(section) => {
                section.into_iter().try_for_each(|memory| self.memory(module, &memory?))?;
            }
            Payload::TagSection(_) => return Err(not_on_offer("exceptions")),
            Payload::GlobalSection(section) => {
                for global in section {
                    let ty = global?.ty;
                    if ty.shared {
                        return Err(not_on_offer("shared globals (threads)"));
                    }
                    check_value(ty.content_type)?;
                }
            }
            Payload::StartSection { .. } => {
                module.cost.add(&Cost { starts: 1, ..Cost::default() });
                self.defined.starts = self.defined.starts.saturating_add(1);
                self.census.starts = self.census.starts.max(self.defined.starts);
            }
            Payload::CodeSectionEntry(body) => {
                let ty = module.functions.get(module.bodies);
                let params = ty.and_then(|ty| module.params.get(*ty as usize)).copied().unwrap_or(0);
                module.bodies += 1;
                let locals = u64::from(params).saturating_add(locals(body.get_binary_reader())?);
                self.census.locals = self.census.locals.max(locals);
            }
            // Exports, elements, data: bytes, which are bounded by the size.
            _ => {}
        }
        Ok(())
    }

    fn table(&mut self, module: &mut ModuleFrame, table: &TableType) -> Result<(), Refusal> {
        check_table(table)?;
        module.cost.add(&Cost { tables: 1, table_elements: table.initial, ..Cost::default() });
        self.defined.tables = self.defined.tables.saturating_add(1);
        self.census.tables = self.census.tables.max(self.defined.tables);
        Ok(())
    }

    fn memory(&mut self, module: &mut ModuleFrame, memory: &MemoryType) -> Result<(), Refusal> {
        check_memory(memory)?;
        let bytes = memory.initial.saturating_mul(1 << PAGE_LOG2);
        module.cost.add(&Cost { memories: 1, memory: bytes, ..Cost::default() });
        self.defined.memories = self.defined.memories.saturating_add(1);
        self.census.memories = self.census.memories.max(self.defined.memories);
        Ok(())
    }

    /// Reads one core type and counts it. Gives the number of its parameters.
    pub(super) fn core_type(&mut self, reader: &mut BinaryReader<'a>) -> Result<u32, Refusal> {
        self.count_types(1)?;
        // All else is a group of types, or a type of the garbage collector's; a group is read whole, however long it is.
        const FUNCTION: u8 = 0x60;
        if self.bytes.get(reader.original_position()) != Some(&FUNCTION) {
            return Err(not_on_offer("garbage-collected types or types of modules"));
        }
        let group: RecGroup = reader.read()?;
        let mut params = 0;
        for ty in group.types() {
            let CompositeInnerType::Func(function) = &ty.composite_type.inner else {
                return Err(not_on_offer("garbage-collected types"));
            };
            params = u32::try_from(function.params().len()).unwrap_or(u32::MAX);
        }
        Ok(params)
    }
}

/// The sum of a body's declarations. Each may stand for 2^32 locals.
fn locals(mut reader: BinaryReader<'_>) -> Result<u64, Refusal> {
    let mut sum = 0_u64;
    for _ in 0..reader.read_var_u32()? {
        sum = sum.saturating_add(reader.read_var_u32()?.into());
        reader.read::<ValType>()?;
    }
    Ok(sum)
}

fn check_import(ty: &TypeRef) -> Result<(), Refusal> {
    match ty {
        TypeRef::Func(_) => Ok(()),
        TypeRef::Table(table) => check_table(table),
        TypeRef::Memory(memory) => check_memory(memory),
        TypeRef::Global(global) if global.shared => Err(not_on_offer("shared globals (threads)")),
        TypeRef::Global(global) => check_value(global.content_type),
        TypeRef::Tag(_) => Err(not_on_offer("exceptions")),
        TypeRef::FuncExact(_) => Err(not_on_offer("exact function imports")),
    }
}

fn check_memory(memory: &MemoryType) -> Result<(), Refusal> {
    if memory.memory64 {
        return Err(not_on_offer("memory64"));
    }
    if memory.shared {
        return Err(not_on_offer("shared memory (threads)"));
    }
    if memory.page_size_log2.is_some_and(|log2| log2 != PAGE_LOG2) {
        return Err(not_on_offer("custom page sizes"));
    }
    Ok(())
}

fn check_table(table: &TableType) -> Result<(), Refusal> {
    if table.table64 {
        return Err(not_on_offer("64-bit tables (memory64)"));
    }
    if table.shared {
        return Err(not_on_offer("shared tables (threads)"));
    }
    check_value(ValType::Ref(table.element_type))
}

fn check_value(ty: ValType) -> Result<(), Refusal> {
    match ty {
        ValType::Ref(ty) if ty != RefType::FUNCREF && ty != RefType::EXTERNREF => {
            Err(not_on_offer("garbage-collected references"))
        }
        _ => Ok(()),
    }
}
