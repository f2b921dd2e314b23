"""标准: data elements, code lists, who is the one source of an element, and how entries keep to them."""
