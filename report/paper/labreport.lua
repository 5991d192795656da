-- Prepare pandoc's tree for Typst: Typst source passes through unchanged, and all other characters stay what they are,
-- whatever they would mean in Typst.

local function raw(kind)
  return function(element)
    local source = element.attributes.typst
    return source and pandoc[kind]("typst", source)
  end
end

local function string(element)
  if element.text:find("[^%w,;:!?()\128-\255]") then
    return pandoc.RawInline("typst", '#"' .. element.text:gsub('[\\"]', "\\%0") .. '";')
  end
end

-- Columns are as wide as their contents need, unless the table says how wide.
local function columns(element)
  if not element.classes:includes("widths") then
    for _, spec in ipairs(element.colspecs) do spec[2] = nil end
    return element
  end
end

return { { Code = raw("RawInline"), CodeBlock = raw("RawBlock"), Str = string, Table = columns } }
