using System.Text;
using AMQP.Net;
using Amqp.Broker.Tests.Nodes;

namespace Amqp.Broker.Tests.Storms;

/// <summary>A channel as its client sees it, from channel.open to channel.close.</summary>
internal sealed class StormChannel(ushort number, Ledger ledger)
{
    private readonly Dictionary<string, Dictionary<string, int>> _order = [];
    private readonly List<string> _publishing = [];
    private readonly List<string> _settling = [];
    private readonly ContentAssembler _assembler = new(int.MaxValue);
    private (string? Consumer, string Id, ulong Tag, bool NoAck) _arriving;
    private bool _returning;

    public ushort Number { get; } = number;

    public bool IsOpen { get; set; } = true;

    /// <summary>Consumers by tag, and whether they acknowledge automatically.</summary>
    public Dictionary<string, bool> Consumers { get; } = [];

    public SortedDictionary<ulong, string> Unsettled { get; } = [];

    /// <summary>Whether the get that is under way acknowledges automatically.</summary>
    public bool GetsWithoutAck { get; set; }

    public static bool IsAccounted(string id) => id.StartsWith("keep", StringComparison.Ordinal);

    public void Publishing(string id)
    {
        if (!IsAccounted(id)) return;
        ledger.Publishing(id);
        _publishing.Add(id);
    }

    public void Settle(ulong tag, bool multiple, bool removes)
    {
        foreach (var settled in Unsettled.Keys.Where(key => key == tag || (multiple && (tag == 0 || key < tag))).ToArray())
        {
            Unsettled.Remove(settled, out var id);
            if (!removes || !IsAccounted(id!)) continue;
            ledger.Settling(id!);
            _settling.Add(id!);
        }
    }

    /// <summary>Everything sent so far has been done.</summary>
    public void Synchronized()
    {
        _publishing.ForEach(ledger.Published);
        _settling.ForEach(ledger.Settled);
        _publishing.Clear();
        _settling.Clear();
    }

    /// <summary>Takes a frame of a delivery, a fetched or a returned message. False: it is something else.</summary>
    public bool TakeContent(ReceivedFrame frame)
    {
        switch (frame.Method)
        {
            case MethodId.BasicDeliver:
                var deliver = frame.As<BasicDeliver>();
                if (!Consumers.TryGetValue(deliver.ConsumerTag, out var noAck))
                    ledger.Violate($"a delivery for {deliver.ConsumerTag} on {Number}, which consumes no more");
                Begin(deliver.ConsumerTag, deliver.DeliveryTag, noAck, deliver.Redelivered);
                return true;
            case MethodId.BasicGetOk:
                Begin(consumer: null, frame.As<BasicGetOk>().DeliveryTag, GetsWithoutAck, redelivered: true);
                return true;
            case MethodId.BasicReturn:
                _returning = true;
                Begin(consumer: null, tag: 0, noAck: true, redelivered: true);
                return true;
            case null:
                var state = frame.Type == FrameType.Header ? _assembler.AddHeader(frame.Payload) : _assembler.AddBody(frame.Payload);
                if (state == ContentState.Complete) Arrived(Encoding.UTF8.GetString(_assembler.Take().Body));
                return true;
            default:
                return false;
        }
    }

    private void Begin(string? consumer, ulong tag, bool noAck, bool redelivered)
    {
        _assembler.Begin(MethodId.BasicPublish);
        _arriving = (redelivered ? null : consumer, "", tag, noAck);
    }

    private void Arrived(string body)
    {
        var id = body.Split(' ')[0];
        if (!_arriving.NoAck) Unsettled.Add(_arriving.Tag, id);
        if (!_returning && _arriving.Consumer is not null) CheckOrder(_arriving.Consumer, id);
        _returning = false;
    }

    /// <summary>What is delivered for the first time comes in its publisher's order.</summary>
    private void CheckOrder(string consumer, string id)
    {
        var end = id.LastIndexOf('#');
        var (publisher, number) = (id[..end], int.Parse(id[(end + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        if (!_order.TryGetValue(consumer, out var last)) _order[consumer] = last = [];
        if (last.TryGetValue(publisher, out var before) && before >= number) ledger.Violate($"{id} came after number {before}");
        last[publisher] = number;
    }
}
