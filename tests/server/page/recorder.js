(async () => {
    const source = `registerProcessor("recorder", class extends AudioWorkletProcessor {
        process(inputs) {
            const heard = inputs[0][0] ?? new Float32Array(128);
            this.port.postMessage(heard.slice());
            return true;
        }
    });`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await speechwire.speakerReady;
    const context = speechwire.context;
    await context.audioWorklet.addModule(url);
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    globalThis.recorded = [];
    globalThis.underruns = 0;
    const underrun = speechwire.underrun;
    speechwire.underrun = function () { globalThis.underruns += 1; underrun.call(this); };
    recorder.port.onmessage = ({ data }) => globalThis.recorded.push(data);
    speechwire.speaker.node.connect(recorder);
    return context.sampleRate;
})()
