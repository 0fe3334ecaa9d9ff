/** The writer of samples for tests that have no database. */
import { SampleText } from "../../engine/query/sample_text.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";

export const sampleText: SampleText = new SampleText(new Kernels());
