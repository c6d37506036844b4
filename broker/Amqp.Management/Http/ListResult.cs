using Microsoft.AspNetCore.Http;

namespace Amqp.Management.Http;

/// <summary>
/// A list, as the query wants it: <c>sort=messages&amp;sort_reverse=true&amp;columns=name,messages</c>, and where lists have pages, <see cref="Page"/>. What is shown is made of the
/// items of that page only, and of the others the fields that it is sorted by.
/// </summary>
/// <param name="definition">See <see cref="Columns.In"/>.</param>
internal sealed class ListResult(IEnumerable<object> shown, bool hasPages, string? definition, bool isInOrder = false) : IResult
{
    // Where what the query names is equal, or if it names nothing.
    private static readonly string[] Order = ["vhost", "name"];

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var query = httpContext.Request.Query;
        var (page, columns) = (hasPages ? Page.In(query) : null, Columns.In(query, definition));
        var all = shown.ToArray();
        var filtered = page?.Matches is { } matches ? Array.FindAll(all, item => matches(Fields.Text(item, "name") ?? "")) : all;
        var sorted = Sort(filtered, query);
        return Answer.Write(httpContext, page?.Of(all.Length, filtered.Length, sorted, columns) ?? (columns is null ? sorted : sorted.Select(columns.Of)));
    }

    private IEnumerable<object> Sort(object[] items, IQueryCollection query)
    {
        var field = query["sort"].ToString();
        var isReversed = query["sort_reverse"] == "true";
        // What is equal stays in its order.
        if (isInOrder && isReversed) items = [.. items.Reverse()];
        if (isInOrder && field.Length == 0) return items;
        IOrderedEnumerable<object>? sorted = null;
        foreach (var path in PathsOf(field))
        {
            SortKey KeyOf(object item) => SortKey.Of(Fields.Find(item, path));
            if (sorted is null) sorted = isReversed ? items.OrderByDescending(KeyOf) : items.OrderBy(KeyOf);
            else sorted = isReversed ? sorted.ThenByDescending(KeyOf) : sorted.ThenBy(KeyOf);
        }
        // It is sorted when it is read, and only as far as it is read.
        return sorted!;
    }

    private IEnumerable<string[]> PathsOf(string field) => (field.Length == 0 ? Order : isInOrder ? [field] : [field, .. Order]).Select(path => path.Split('.'));
}
