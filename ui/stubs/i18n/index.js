// @grafana/data asks for a translation by key and gives the English text as the default. Some defaults are empty because the
// English text lives in Grafana's catalogue with a plural form: those are the relative ranges, which are built here.
const plural = {
  lastNMinutes: 'minute', lastNHours: 'hour', lastNDays: 'day', lastNWeeks: 'week',
  lastNMonths: 'month', lastNYears: 'year', lastNSeconds: 'second',
};

/** English text for a key: the default with its {{placeholders}} filled in. */
export function t(key, text = '', values = {}) {
  const unit = plural[key.slice(key.lastIndexOf('.') + 1)];
  if (text === '' && unit !== undefined && values.count !== undefined) {
    return values.count === 1 ? `Last ${unit}` : `Last ${values.count} ${unit}s`;
  }
  return text.replace(/\{\{-?\s*(\w+)\s*\}\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
