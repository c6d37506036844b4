using System.Buffers;

namespace AMQP.Net.Tests;

internal sealed class ContentTests
{
    private static readonly byte[] Properties = Bytes.Of("1000 02");

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(Content.PieceBytes)]
    [TestCase(Content.PieceBytes + 1)]
    [TestCase(2 * Content.PieceBytes)]
    [TestCase(200_001)]
    public void It_has_its_bytes_however_large_it_is(int size)
    {
        var body = Body(size);
        var content = Content.Copy([.. Properties, .. body], Properties.Length);
        Assert.That((content.Size, content.BodySize, content.PropertiesLength), Is.EqualTo((Properties.Length + size, size, Properties.Length)));
        Assert.That(content.Properties.IsPersistent, Is.True);
        Assert.That(content.Body.ToArray().SequenceEqual(body), Is.True);
        Assert.That(Bytes.Of(content).SequenceEqual([.. Properties, .. body]), Is.True);

        var other = content.With(new MutableProperties { Type = "other" });
        Assert.That((other.Properties.Type, other.Properties.IsPersistent, other.BodySize), Is.EqualTo(("other", false, size)));
        Assert.That(other.Body.ToArray().SequenceEqual(body), Is.True);
        Assert.That(content.Properties.IsPersistent, Is.True);
    }

    [TestCase(Content.PieceBytes, 1)]
    [TestCase(Content.PieceBytes + 1, 2)]
    [TestCase(200_001, 4)]
    public void No_array_of_a_body_is_large(int size, int pieces)
    {
        var body = Content.Copy([.. Properties, .. Body(size)], Properties.Length).Body;
        var lengths = new List<int>();
        foreach (var piece in body) lengths.Add(piece.Length);
        Assert.That(lengths, Has.Count.EqualTo(pieces));
        Assert.That(lengths, Has.All.LessThanOrEqualTo(Content.PieceBytes));
    }

    internal static byte[] Body(int size)
    {
        var body = new byte[size];
        new Random(size).NextBytes(body);
        return body;
    }
}
