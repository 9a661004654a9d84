//go:build emu && cgo

// stream.cc: streams and events.
#include <chrono>

#include "driver.h"

namespace emu {
bool stream_known(const Context *c, const Stream *s) {
	return reinterpret_cast<uintptr_t>(s) <= 2 || c->streams.count(const_cast<Stream *>(s)); // 0, 1, 2: the default streams
}

static double now() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
} // namespace emu

using namespace emu;

EMU_API emu_cuStreamCreateWithPriority(Stream **stream, unsigned flags, int priority) {
	Call call;
	if (call.status) return call.status;
	if (!stream || flags > 1) return INVALID_VALUE;
	*stream = new Stream{call.context, flags, priority};
	call.context->streams.insert(*stream);
	return SUCCESS;
}

EMU_API emu_cuStreamCreate(Stream **stream, unsigned flags) { return emu_cuStreamCreateWithPriority(stream, flags, 0); }

EMU_API emu_cuStreamDestroy_v2(Stream *stream) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->streams.count(stream)) return INVALID_HANDLE;
	call.context->streams.erase(stream);
	delete stream;
	return SUCCESS;
}

EMU_API emu_cuStreamGetFlags(Stream *stream, unsigned *flags) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->streams.count(stream)) return INVALID_HANDLE;
	*flags = stream->flags;
	return SUCCESS;
}

EMU_API emu_cuStreamGetPriority(Stream *stream, int *priority) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->streams.count(stream)) return INVALID_HANDLE;
	*priority = stream->priority;
	return SUCCESS;
}

EMU_API emu_cuStreamSynchronize(Stream *stream) {
	Call call;
	if (call.status) return call.status;
	if (!stream_known(call.context, stream)) return INVALID_HANDLE;
	return call.context->drain();
}

EMU_API emu_cuStreamQuery(Stream *stream) {
	Call call;
	if (call.status) return call.status;
	if (!stream_known(call.context, stream)) return INVALID_HANDLE;
	if (call.context->queue.empty()) return SUCCESS;
	auto work = std::move(call.context->queue.front()); // whoever asks again and again gets there
	call.context->queue.pop_front();
	if (int s = work()) return call.context->queue.clear(), call.context->status = s;
	return call.context->queue.empty() ? SUCCESS : NOT_READY;
}

EMU_API emu_cuEventCreate(Event **event, unsigned) {
	Call call;
	if (call.status) return call.status;
	if (!event) return INVALID_VALUE;
	*event = new Event{call.context, 0, 0};
	call.context->events.insert(*event);
	return SUCCESS;
}

EMU_API emu_cuEventDestroy_v2(Event *event) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->events.count(event)) return INVALID_HANDLE;
	if (event->state == 1)
		if (int s = call.context->drain()) return s;
	call.context->events.erase(event);
	delete event;
	return SUCCESS;
}

EMU_API emu_cuEventRecord(Event *event, Stream *stream) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->events.count(event) || !stream_known(call.context, stream)) return INVALID_HANDLE;
	event->state = 1;
	return call.context->enqueue([=] {
		event->state = 2, event->time = now();
		return SUCCESS;
	});
}

EMU_API emu_cuEventSynchronize(Event *event) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->events.count(event)) return INVALID_HANDLE;
	return event->state == 1 ? call.context->drain() : SUCCESS;
}

EMU_API emu_cuEventQuery(Event *event) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->events.count(event)) return INVALID_HANDLE;
	if (event->state == 1) {
		const int s = emu_cuStreamQuery(nullptr);
		if (s && s != NOT_READY) return s;
	}
	return event->state == 1 ? NOT_READY : SUCCESS;
}

EMU_API emu_cuEventElapsedTime(float *ms, Event *start, Event *end) {
	Call call;
	if (call.status) return call.status;
	if (!ms || !call.context->events.count(start) || !call.context->events.count(end) || !start->state || !end->state) return INVALID_HANDLE;
	if (start->state == 1 || end->state == 1) return NOT_READY;
	*ms = (float)(end->time - start->time);
	return SUCCESS;
}

EMU_API emu_cuEventElapsedTime_v2(float *ms, Event *start, Event *end) { return emu_cuEventElapsedTime(ms, start, end); }

EMU_API emu_cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
	Call call;
	if (call.status) return call.status;
	if (!call.context->events.count(event) || !stream_known(call.context, stream)) return INVALID_HANDLE;
	return SUCCESS; // the one queue keeps the order
}
