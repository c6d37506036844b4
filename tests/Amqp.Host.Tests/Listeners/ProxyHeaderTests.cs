using System.Buffers;
using System.Text;
using Amqp.Host.Listeners;

namespace Amqp.Host.Tests.Listeners;

/// <summary>What a proxy says ahead of its client, whole and in pieces. Bytes are given as text, in hexadecimal behind <c>#</c>.</summary>
internal sealed class ProxyHeaderTests
{
    private const string Signature = "#0D0A0D0A000D0A515549540A";
    private const string Rest = "AMQP\0\0\x09\x01";

    [TestCase("PROXY TCP4 192.0.2.7 198.51.100.1 50312 5672\r\n", "192.0.2.7:50312 -> 198.51.100.1:5672")]
    [TestCase("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535 -> 255.255.255.255:65535")]
    [TestCase("PROXY TCP6 2001:db8::7 ::1 1 0\r\n", "[2001:db8::7]:1 -> [::1]:0")]
    [TestCase("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 -> [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")]
    [TestCase("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "[::ffff:192.0.2.7]:1 -> [::1]:2")]
    [TestCase("PROXY UNKNOWN\r\n", "socket")]
    [TestCase("PROXY UNKNOWN ffff::1 whatever 65535\r\n", "socket")]
    [TestCase(Signature + "2111000C" + "C0000207C6336401C4881628", "192.0.2.7:50312 -> 198.51.100.1:5672", TestName = "version 2, IPv4")]
    [TestCase(Signature + "21110013" + "C0000207C6336401C4881628" + "04000441424344", "192.0.2.7:50312 -> 198.51.100.1:5672", TestName = "version 2, IPv4, and something more")]
    [TestCase(Signature + "21210024" + "20010DB8000000000000000000000007" + "00000000000000000000000000000001" + "C4881628", "[2001:db8::7]:50312 -> [::1]:5672", TestName = "version 2, IPv6")]
    [TestCase(Signature + "20000000", "socket", TestName = "version 2, the proxy for itself")]
    [TestCase(Signature + "2011000C" + "C0000207C6336401C4881628", "socket", TestName = "version 2, the proxy for itself, with addresses")]
    [TestCase(Signature + "20FF0001" + "00", "socket", TestName = "version 2, the proxy for itself, of whatever family")]
    [TestCase(Signature + "21000003" + "010203", "socket", TestName = "version 2, unknown")]
    [TestCase(Signature + "213100D8", "socket", 216, TestName = "version 2, a Unix domain socket")]
    [TestCase(Signature + "21000FF0", "socket", 4_080, TestName = "version 2, as long as can be")]
    public void It_is_understood_wherever_it_is_cut(string header, string ends, int more = 0)
    {
        byte[] bytes = [.. Bytes(header), .. new byte[more], .. Encoding.Latin1.GetBytes(Rest)];
        for (var length = 0; length < bytes.Length - Rest.Length; length++)
            Assert.That(ProxyHeader.TryRead(new ReadOnlySequence<byte>(bytes[..length]), out _), Is.Null, $"of {length} bytes");
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var input = Cut(bytes, cut);
            var read = ProxyHeader.TryRead(input, out var end)!;
            Assert.That(read.Client is null ? "socket" : $"{read.Client} -> {read.Server}", Is.EqualTo(ends), $"cut at {cut}");
            Assert.That(Encoding.Latin1.GetString(input.Slice(end).ToArray()), Is.EqualTo(Rest), $"cut at {cut}");
        }
    }

    [TestCase("AMQP\0\0\x09\x01", "it does not begin with one")]
    [TestCase("PROXZ", "it does not begin with one")]
    [TestCase("\r\n\r\n\0\r\nQUIT\r", "it does not begin with one")]
    [TestCase("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", "its protocol is none of")]
    [TestCase("PROXY \r\n", "its protocol is none of")]
    [TestCase("PROXY TCP4\r\n", "two addresses and two ports")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "two addresses and two ports")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", "two addresses and two ports")]
    [TestCase("PROXY TCP4 1.2.3.4  1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 2130706433 1.2.3.4 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 127.0.0.01 1.2.3.4 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 ::1 ::1 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP6 1.2.3.4 ::1 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP6 [::1]:80 ::1 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP6 fe80::1%lo ::1 1 1\r\n", "one of its addresses is none")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n", "one of its ports is none")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 1\0 1\r\n", "one of its ports is none")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", "one of its ports is none")]
    [TestCase("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", "one of its ports is none")]
    [TestCase(Signature + "11", "its version is not 2")]
    [TestCase(Signature + "22", "its version is not 2, or its command is unknown")]
    [TestCase(Signature + "2112000C", "its family of addresses is unknown", Description = "datagrams")]
    [TestCase(Signature + "2111000B", "it is too short for its addresses")]
    [TestCase(Signature + "21210023", "it is too short for its addresses")]
    [TestCase(Signature + "21000FF1", "it has 4097 bytes, and may have 4096")]
    [TestCase(Signature + "2011FFFF", "it has 65551 bytes, and may have 4096")]
    public void What_is_none_is_known_by_its_first_wrong_byte(string header, string reason) =>
        Assert.That(() => ProxyHeader.TryRead(new ReadOnlySequence<byte>(Bytes(header)), out _), Throws.TypeOf<ProxyHeaderException>().With.Message.Contains(reason));

    [TestCase(106, true)]
    [TestCase(107, false)]
    [TestCase(5_000, false)]
    public void A_line_that_does_not_end_is_not_waited_for(int length, bool isWaitedFor)
    {
        var input = new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes("PROXY UNKNOWN".PadRight(length, 'x')));
        if (isWaitedFor) Assert.That(ProxyHeader.TryRead(input, out _), Is.Null);
        else Assert.That(() => ProxyHeader.TryRead(input, out _), Throws.TypeOf<ProxyHeaderException>().With.Message.Contains("its line is too long"));
    }

    private static byte[] Bytes(string text) => text.StartsWith('#') ? Convert.FromHexString(text[1..]) : Encoding.Latin1.GetBytes(text);

    private static ReadOnlySequence<byte> Cut(byte[] bytes, int at)
    {
        var first = new Segment(bytes.AsMemory(0, at), 0);
        var second = new Segment(bytes.AsMemory(at), at);
        first.Link(second);
        return new ReadOnlySequence<byte>(first, 0, second, bytes.Length - at);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, int index) => (Memory, RunningIndex) = (memory, index);

        public void Link(Segment next) => Next = next;
    }
}
