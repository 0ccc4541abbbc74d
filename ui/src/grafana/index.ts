/**
 * The only door to @grafana/data: what makes a Grafana dashboard itself (units, mappings, thresholds, field overrides,
 * reducers, transformations, colour modes) comes through here and nowhere else, so that one file knows the pinned version.
 */
import './withoutEval'; // before the library's own modules run

export {
  createDataFrame, dateTimeFormat, FieldColorModeId, fieldReducers, FieldType, formattedValueToString, getActiveThreshold, getDisplayProcessor, getFieldColorModeForField,
  getFieldDisplayName, getFieldDisplayValues, getFieldSeriesColor, getValueFormat, reduceField, renderLegendFormat, renderMarkdown, textUtil, ThresholdsMode,
} from '@grafana/data';
export type { DataFrame, DisplayValue, Field, FieldConfigSource, FieldDisplay, GrafanaTheme2, LinkModel, ReduceDataOptions, Threshold, ThresholdsConfig } from '@grafana/data';
export { prepareFrames } from './prepare';
export type { PanelFieldRules } from './prepare';
export { grafanaTheme } from './theme';
export { transformFrames, unknownMatchers, unknownTransformations } from './transform';
