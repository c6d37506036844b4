using Amqp.Core.Errors;
using AMQP.Net;

namespace Amqp.Core.Topology;

/// <summary>Whether two values of an argument mean the same, whatever types they travelled as.</summary>
internal static class ArgumentEquivalence
{
    /// <summary>406 if a repeated declaration gives another value for the argument than the first did.</summary>
    public static BrokerError? Check(Resource resource, string argument, FieldTable received, FieldTable current)
    {
        var (now, then) = (Find(received, argument), Find(current, argument));
        return (now, then) switch
        {
            (null, null) => null,
            ({ } a, { } b) when SameValue(a, b) => null,
            _ when argument == "x-queue-type" && IsClassicOrAbsent(now) && IsClassicOrAbsent(then) => null,
            _ => BrokerError.InequivalentArg(argument, resource, now, then),
        };
    }

    /// <summary>Equal as values: integers of any width, floats of any width, strings and binaries by their bytes. Inside tables
    /// and arrays the types must agree too, as in RabbitMQ.</summary>
    public static bool SameValue(FieldValue a, FieldValue b)
    {
        if (a.TryGetInteger(out var integerA)) return b.TryGetInteger(out var integerB) && integerA == integerB;
        return (a.Type, b.Type) switch
        {
            (FieldType.Float or FieldType.Double, FieldType.Float or FieldType.Double) => Number(a).Equals(Number(b)),
            (FieldType.LongString or FieldType.Binary, FieldType.LongString or FieldType.Binary) =>
                a.AsBytes.AsSpan().SequenceEqual(b.AsBytes),
            _ => a == b,
        };
    }

    private static FieldValue? Find(FieldTable table, string name) => table.TryGet(name, out var value) ? value : null;

    private static bool IsClassicOrAbsent(FieldValue? value) =>
        value is not { } present || (present.Type == FieldType.LongString && present.AsText == "classic");

    private static double Number(FieldValue value) => value.Type == FieldType.Float ? value.AsFloat : value.AsDouble;
}
