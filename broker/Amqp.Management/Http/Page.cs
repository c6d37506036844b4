using System.Diagnostics;
using System.Globalization;
using Amqp.Core;
using Amqp.Core.Security;
using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>The part of a list that a client wants: <c>page=2&amp;page_size=50&amp;name=orders&amp;use_regex=false</c>. Only with a page the name counts, as in RabbitMQ.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="Size">From 1 to <see cref="SizeMax"/>.</param>
/// <param name="Matches">Null: every name will do.</param>
internal sealed record Page(int Number, int Size, Func<string, bool>? Matches)
{
    private const int SizeDefault = 100;

    /// <summary>RabbitMQ's.</summary>
    private const int SizeMax = 500;

    /// <summary>So long all names of a list together may take to be compared with a pattern: with 100,000 names, some milliseconds are usual.</summary>
    private static readonly TimeSpan PatienceToMatch = TimeSpan.FromSeconds(5);

    private const string Invalid = "Pagination parameters are invalid";

    /// <returns>Null: it wants the whole list.</returns>
    /// <exception cref="BadRequestException">There is no such page, or the pattern is none.</exception>
    public static Page? In(IQueryCollection query)
    {
        var (number, size) = (Integer(query["page"]), Integer(query["page_size"]));
        if (number is null) return null;
        if (number < 1 || size is < 1 or > SizeMax)
        {
            var text = size?.ToString(CultureInfo.InvariantCulture) ?? "undefined";
            throw new BadRequestException($"Invalid pagination parameters: page number {number}, page size {text}", "invalid_pagination_parameters");
        }
        return new Page(number.Value, size ?? SizeDefault, Matcher(query["name"].ToString(), query["use_regex"] == "true"));
    }

    /// <summary>What is answered: the items of this page, and how many there are in all.</summary>
    /// <param name="total">Before the names were looked at.</param>
    /// <param name="filtered">After that.</param>
    /// <exception cref="BadRequestException">The list ends before it.</exception>
    public object Of(int total, int filtered, IEnumerable<object> sorted, Columns? columns)
    {
        var first = (Number - 1L) * Size;
        if (first > filtered) throw new BadRequestException($"Page out of range, page: {Number} page size: {Size}, len: {filtered}", "page_out_of_range");
        var items = sorted.Skip((int)first).Take(Size).Select(item => columns is null ? item : columns.Of(item)).ToArray();
        return new
        {
            filtered_count = filtered,
            item_count = items.Length,
            items,
            page = Number,
            page_count = (filtered + Size - 1) / Size,
            page_size = Size,
            total_count = total,
        };
    }

    private static Func<string, bool>? Matcher(string name, bool isPattern)
    {
        if (name.Length == 0) return null;
        if (!isPattern) return text => text.Contains(name, StringComparison.OrdinalIgnoreCase);
        var pattern = new NamePattern($"(?i){name}");
        if (pattern.Defect is not null) throw new BadRequestException(Invalid);
        var begin = Stopwatch.GetTimestamp();
        return text => Stopwatch.GetElapsedTime(begin) < PatienceToMatch ? pattern.IsMatch(text) : throw new BadRequestException("the pattern takes too long: write a simpler one");
    }

    private static int? Integer(string? text)
    {
        if (text is null) return null;
        var isNegative = text.StartsWith('-');
        if (!DecimalDigits.TryParse(isNegative ? text[1..] : text, out var number) || number > int.MaxValue) throw new BadRequestException(Invalid);
        return (int)(isNegative ? -number : number);
    }
}
